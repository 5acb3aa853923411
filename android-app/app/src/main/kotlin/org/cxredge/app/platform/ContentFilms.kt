package org.cxredge.app.platform

import android.content.ContentResolver
import android.net.Uri
import org.cxredge.app.session.FilmReader
import org.cxredge.app.session.Job
import org.cxredge.core.Refusal
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream

/** Films behind content addresses, which the system's picker or the camera gave access to. */
class ContentFilms(private val resolver: ContentResolver) : FilmReader {
    /** Throws [Refusal] FILM-ACCESS, IMG-SIZE. */
    override fun read(address: String, job: Job): ByteArray = try {
        resolver.openInputStream(Uri.parse(address))?.use { read(it, job) } ?: throw gone(null)
    } catch (error: SecurityException) {
        throw gone(error)
    } catch (error: IOException) {
        throw gone(error)
    }

    private fun read(stream: InputStream, job: Job): ByteArray {
        val bytes = ByteArrayOutputStream()
        val buffer = ByteArray(1 shl 16)
        while (true) {
            job.check()
            val count = stream.read(buffer)
            if (count < 0) return bytes.toByteArray()
            bytes.write(buffer, 0, count)
            if (bytes.size() > MAX_BYTES) {
                throw Refusal("IMG-SIZE", "the file is larger than $MAX_BYTES bytes", "give one film, not a series")
            }
        }
    }

    private fun gone(cause: Exception?) =
        Refusal("FILM-ACCESS", "the film cannot be opened", "choose the film again", cause)

    companion object {
        /**
         * Most bytes of a film's file: the host reads 512 MiB, a phone's app has little more memory than that. A
         * detector of 20 million pixels gives 40 MiB at most.
         */
        const val MAX_BYTES: Int = 64 * 1024 * 1024
    }
}
