package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.io.OutputStream
import java.nio.file.Files
import java.nio.file.LinkOption.NOFOLLOW_LINKS
import java.nio.file.StandardCopyOption.ATOMIC_MOVE

/** Puts [bytes] bytes with the hash [sha256] at [goal]. [usable]: free bytes of the file system of a folder. */
internal class Extraction(
    private val goal: File,
    private val bytes: Long,
    private val sha256: String,
    private val usable: (File) -> Long,
) {
    /** [copy] writes the bytes, and throws [Refusal] where they are not the right ones. */
    fun run(copy: (OutputStream) -> Unit) {
        synchronized(LOCK) {
            if (present()) return
            val folder = goal.absoluteFile.parentFile
            // one name for all tries, so that a killed app leaves one part behind at most, and the next try takes it
            val part = File(folder, ".${goal.name}.part")
            try {
                Files.createDirectories(folder.toPath())
                Files.deleteIfExists(part.toPath())
                if (usable(folder) < bytes) throw low(folder)
                FileOutputStream(part).use { file ->
                    copy(Sink(file) { failed(folder, part, it) })
                    file.fd.sync()
                }
                Files.move(part.toPath(), goal.toPath(), ATOMIC_MOVE)
            } catch (error: IOException) {
                throw failed(folder, part, error)
            } finally {
                part.delete()
            }
        }
    }

    private fun present(): Boolean {
        val path = goal.toPath()
        if (!Files.isRegularFile(path, NOFOLLOW_LINKS) || goal.length() != bytes) return false
        return try {
            Files.newInputStream(path).use { Sha256.copy(it, bytes) }.sha256 == sha256
        } catch (_: IOException) {
            false // written anew
        }
    }

    private fun failed(folder: File, part: File, error: IOException): Refusal = when {
        usable(folder) < bytes - part.length() -> low(folder, error)
        else -> Refusal(
            "STORAGE-WRITE", "${goal.name} cannot be written: ${error.message}", "check the app's storage", error,
        )
    }

    private fun low(folder: File, cause: Throwable? = null): Refusal = Refusal(
        "STORAGE-LOW",
        "${goal.name} needs $bytes bytes, and ${usable(folder)} are free",
        "free some space",
        cause,
    )

    /** Turns errors of writing into refusals, so that the reader does not take them for its own. */
    private class Sink(private val to: OutputStream, private val failed: (IOException) -> Refusal) : OutputStream() {
        override fun write(byte: Int) = write(byteArrayOf(byte.toByte()), 0, 1)

        override fun write(bytes: ByteArray, from: Int, count: Int) {
            try {
                to.write(bytes, from, count)
            } catch (error: IOException) {
                throw failed(error)
            }
        }
    }

    private companion object {
        val LOCK = Any()
    }
}
