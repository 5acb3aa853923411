package org.cxredge.core.film

import java.io.ByteArrayOutputStream
import java.io.DataOutputStream
import java.util.zip.CRC32
import java.util.zip.Deflater
import java.util.zip.DeflaterOutputStream

/** Writes PNG files chunk by chunk, right or wrong. */
internal class TestPng {
    private val out = ByteArrayOutputStream().apply { write(PNG_SIGNATURE.toByteArray(Charsets.ISO_8859_1)) }

    fun chunk(name: String, payload: ByteArray): TestPng = apply {
        val body = name.toByteArray() + payload
        DataOutputStream(out).run {
            writeInt(payload.size)
            write(body)
            writeInt(CRC32().apply { update(body) }.value.toInt())
        }
    }

    fun header(height: Int, width: Int, depth: Int = 8, kind: Int = 0): TestPng {
        val header = ByteArrayOutputStream()
        DataOutputStream(header).run {
            writeInt(width)
            writeInt(height)
            write(byteArrayOf(depth.toByte(), kind.toByte(), 0, 0, 0))
        }
        return chunk("IHDR", header.toByteArray())
    }

    /** [lines]: each with its filter byte first. */
    fun image(lines: Sequence<ByteArray>): TestPng = chunk("IDAT", deflated(lines))

    fun exif(orientation: Int): TestPng = chunk("eXIf", exifBlock(orientation))

    fun end(): ByteArray {
        chunk("IEND", ByteArray(0))
        return out.toByteArray()
    }

    companion object {
        /** A TIFF structure of one entry: the orientation. */
        fun exifBlock(orientation: Int): ByteArray =
            byteArrayOf(77, 77, 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, orientation.toByte(), 0, 0) +
                ByteArray(4)

        /** A grey film of one level, but for its first pixel: a film must have some span. */
        fun plain(height: Int, width: Int, level: Int): ByteArray {
            val line = ByteArray(width) { level.toByte() }
            val first = line.clone().also { it[0] = (level xor 128).toByte() }
            return TestPng().header(height, width).image(lines(1, first) + lines(height - 1, line)).end()
        }

        fun deflated(lines: Sequence<ByteArray>): ByteArray {
            val deflated = ByteArrayOutputStream()
            DeflaterOutputStream(deflated, Deflater(1)).use { stream -> lines.forEach(stream::write) }
            return deflated.toByteArray()
        }

        fun lines(count: Int, pixels: ByteArray): Sequence<ByteArray> {
            val line = byteArrayOf(0) + pixels
            return generateSequence { line }.take(count)
        }
    }
}
