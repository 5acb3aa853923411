package org.cxredge.core.film

import org.cxredge.core.Refusal
import java.io.Closeable
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/**
 * Lines of a PNG image, or of one pass of it: inflated and their filters undone (PNG 3rd ed., 9 and 10).
 *
 * [bits]: of a pixel. [width]: pixels a line. [skip]: inflated bytes that lie before the first line. No more is
 * inflated than the lines need. Throws [Refusal] IMG-TRUNCATED, IMG-DAMAGED.
 */
internal class PngLines(private val chunks: PngChunks, bits: Int, width: Int, skip: Long, lines: Int) : Closeable {
    private val step = (bits + 7) / 8
    private val length = lineBytes(bits, width)
    private val inflater = Inflater()
    private var chunk: PngChunks.Payload? = null
    private var left = skip + lines.toLong() * (length + 1)
    private val buffer = ByteArray(minOf(BUFFER, left).toInt())
    private var at = 0
    private var end = 0

    // two lines, each with `step` zeros before it, which stand for the pixel left of the first
    private var line = ByteArray(step + length)
    private var above = ByteArray(step + length)

    init {
        try {
            pass(skip)
        } catch (refusal: Refusal) {
            inflater.end()
            throw refusal
        }
    }

    private fun pass(bytes: Long) {
        var rest = bytes
        while (rest > 0) {
            if (at == end) fill()
            val passed = minOf(rest, (end - at).toLong()).toInt()
            at += passed
            rest -= passed
        }
    }

    /** The next line: its bytes begin at [PngPixels.start]; valid until the next call. */
    fun next(): ByteArray {
        val free = above
        above = line
        line = free
        if (at == end) fill()
        val filter = buffer[at++].toInt()
        var filled = 0
        while (filled < length) {
            if (at == end) fill()
            val part = minOf(length - filled, end - at)
            System.arraycopy(buffer, at, line, step + filled, part)
            at += part
            filled += part
        }
        undo(filter)
        return line
    }

    private fun fill() {
        try {
            at = 0
            end = 0
            val wanted = minOf(buffer.size.toLong(), left).toInt()
            while (end < wanted) {
                val got = inflater.inflate(buffer, end, wanted - end)
                end += got
                if (got > 0) continue
                if (inflater.finished() || !feed()) throw truncated()
            }
            left -= wanted
        } catch (error: DataFormatException) {
            throw damaged("its image data cannot be inflated", error)
        }
    }

    /** Gives the inflater the next chunk; false where there is none. */
    private fun feed(): Boolean {
        if (inflater.needsDictionary()) throw damaged("its image data asks for a dictionary")
        val next = chunks.image(chunk) ?: return false
        inflater.setInput(chunks.data, next.at, next.size)
        chunk = next
        return true
    }

    /** After the image's last line: its data must end here, with a checksum that is right, and nothing behind it. */
    fun finish() {
        try {
            while (!inflater.finished()) {
                if (inflater.inflate(buffer, 0, 1) > 0) throw damaged("its image data goes on behind the image")
                if (!inflater.finished() && !feed()) throw truncated()
            }
        } catch (error: DataFormatException) {
            throw damaged("the checksum of its image data is wrong", error)
        }
        if (inflater.remaining > 0 || generateSequence(chunks.image(chunk), chunks::image).any { it.size > 0 }) {
            throw damaged("bytes stand behind its image data")
        }
    }

    private fun undo(filter: Int) {
        val size = line.size
        when (filter) {
            0 -> Unit
            1 -> for (i in step until size) line[i] = (line[i] + line[i - step]).toByte()
            2 -> for (i in step until size) line[i] = (line[i] + above[i]).toByte()
            3 -> average()
            4 -> paeth()
            else -> throw damaged("one of its lines has filter $filter, which is unknown")
        }
    }

    private fun average() {
        val line = line
        val above = above
        for (i in step until line.size) {
            val mean = ((line[i - step].toInt() and 255) + (above[i].toInt() and 255)) shr 1
            line[i] = (line[i] + mean).toByte()
        }
    }

    private fun paeth() {
        val line = line
        val above = above
        val step = step
        for (i in step until line.size) {
            val a = line[i - step].toInt() and 255
            val b = above[i].toInt() and 255
            val c = above[i - step].toInt() and 255
            val toA = Math.abs(b - c)
            val toB = Math.abs(a - c)
            val toC = Math.abs(a + b - 2 * c)
            val nearest = if (toA <= toB && toA <= toC) a else if (toB <= toC) b else c
            line[i] = (line[i] + nearest).toByte()
        }
    }

    override fun close() = inflater.end()

    companion object {
        private const val BUFFER = 1L shl 16

        /** Bytes of a line without its filter byte. */
        fun lineBytes(bits: Int, width: Int): Int = ((width.toLong() * bits + 7) / 8).toInt()
    }
}
