package org.cxredge.core.film

import org.cxredge.core.Refusal
import java.io.ByteArrayInputStream
import java.io.IOException
import java.io.InputStream
import java.util.zip.Inflater
import java.util.zip.InflaterInputStream

private const val IMPLICIT = "1.2.840.10008.1.2"
private const val EXPLICIT = "1.2.840.10008.1.2.1"
private const val DEFLATED = "1.2.840.10008.1.2.1.99"
private const val BIG_ENDIAN = "1.2.840.10008.1.2.2"

/** Most bytes that a deflated file may unpack to, as on the host. */
private const val MAX_UNPACKED = 512L * 1024 * 1024

/**
 * A DICOM file (PS3.10 7.1) and its transfer syntax. A deflated data set is inflated as it is read, never held.
 *
 * Throws [Refusal] IMG-SYNTAX (a transfer syntax that is not read, none, or two), and for deflated files IMG-SIZE,
 * IMG-TRUNCATED, IMG-DAMAGED.
 */
internal class DicomFile(private val data: ByteArray) {
    private val start: Int
    private val deflated: Boolean
    val bigEndian: Boolean
    val implicit: Boolean

    init {
        var at = 132
        var found: String? = null
        while (at + 8L <= data.size && data.startsWith("\u0002\u0000", at)) {
            val vr = String(data, at + 4, 2, Charsets.ISO_8859_1)
            val long = vr in DicomTag.LONG
            if (long && at + 12 > data.size) break
            val from = at + if (long) 12 else 8
            val length = if (long) data.unsigned(at + 8, 4, false) else data.unsigned(at + 6, 2, false)
            if (from + length > data.size) break
            val end = from + length.toInt()
            if (data.startsWith("\u0010\u0000", at + 2)) {
                // of two, readers take either
                if (found != null) throw unread("its transfer syntax is given twice")
                found = String(data, from, end - from, Charsets.ISO_8859_1).trimEnd('\u0000', ' ')
            }
            at = end
        }
        val syntax = found.orEmpty()
        if (syntax !in setOf(IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)) {
            throw unread("transfer syntax ${syntax.ifEmpty { "missing" }.take(64)} is not read here")
        }
        start = at
        deflated = syntax == DEFLATED
        bigEndian = syntax == BIG_ENDIAN
        implicit = syntax == IMPLICIT
        if (deflated) checkDeflated()
    }

    /** The data set from its byte [at] on. Throws [Refusal] IMG-TRUNCATED where it is shorter. */
    fun open(at: Long = 0): InputStream {
        val stored = ByteArrayInputStream(data, start, data.size - start)
        val stream = if (deflated) Inflated(stored) else stored
        var left = at
        while (left > 0) {
            val passed = stream.skip(left)
            if (passed <= 0) throw truncated()
            left -= passed
        }
        return stream
    }

    private fun unread(cause: String): Refusal = Refusal(
        "IMG-SYNTAX",
        "the image: $cause",
        "export the film as PNG on a computer, or convert it to Explicit VR Little Endian",
    )

    /** Inflates it once and drops the bytes: what it says must end, and not be a bomb. */
    private fun checkDeflated() {
        val chunk = ByteArray(1 shl 16)
        var size = 0L
        open().use { stream ->
            while (true) {
                val got = stream.read(chunk)
                if (got < 0) break
                size += got
                if (size >= MAX_UNPACKED) {
                    throw Refusal("IMG-SIZE", "the image unpacks to $MAX_UNPACKED bytes or more", "give one film")
                }
            }
        }
    }

    /** Raw deflate (PS3.5 A.5), its errors coded. */
    private class Inflated(stored: InputStream) : InflaterInputStream(stored, Inflater(true), 1 shl 16) {
        override fun read(bytes: ByteArray, from: Int, length: Int): Int =
            try {
                super.read(bytes, from, length)
            } catch (error: java.io.EOFException) {
                throw truncated()
            } catch (error: IOException) {
                throw damaged("its data set cannot be inflated", error)
            }

        override fun close() {
            super.close()
            inf.end()
        }
    }
}
