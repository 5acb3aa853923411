package org.cxredge.core.film

import java.io.InputStream

/** How uncompressed pixels lie: [planes] after each other, each of [samples] interleaved samples of [bytes] bytes. */
internal class DicomLayout(
    val width: Int,
    val samples: Int,
    val planes: Int,
    val bytes: Int,
    val bigEndian: Boolean,
    val meaning: Meaning,
)

/** Rows of uncompressed pixels (PS3.5 8.1.1), one reader a plane; bits above the stored ones are ignored. */
internal class DicomRows(private val readers: List<InputStream>, private val layout: DicomLayout) : StoredRows {
    private val line = ByteArray(layout.width * layout.samples * layout.bytes)
    private val mask = (1 shl layout.meaning.bits) - 1

    // two's complement of the stored bits, less the least value, is the same bits with the sign turned over
    private val sign = -layout.meaning.lowest

    override fun read(row: ShortArray) {
        readers.forEachIndexed { plane, reader ->
            readFully(reader, line)
            for (i in 0 until layout.width * layout.samples) {
                row[i * layout.planes + plane] = ((stored(i) and mask) xor sign).toShort()
            }
        }
    }

    private fun stored(i: Int): Int {
        if (layout.bytes == 1) return line[i].toInt() and 255
        val first = line[2 * i].toInt() and 255
        val second = line[2 * i + 1].toInt() and 255
        return if (layout.bigEndian) first shl 8 or second else second shl 8 or first
    }

    override fun close() = readers.forEach { it.close() }
}

/** Fills [bytes]. Throws [org.cxredge.core.Refusal] IMG-TRUNCATED where the stream ends before. */
internal fun readFully(stream: InputStream, bytes: ByteArray) {
    var filled = 0
    while (filled < bytes.size) {
        val got = stream.read(bytes, filled, bytes.size - filled)
        if (got < 0) throw truncated()
        filled += got
    }
}

/** A stream whose bytes lie with each pair exchanged. */
internal class SwappedPairs(private val stream: InputStream) : InputStream() {
    private var second = NONE

    override fun read(): Int {
        if (second != NONE) return second.also { second = NONE }
        val first = stream.read()
        val other = stream.read()
        if (other >= 0) second = first
        return other
    }

    override fun read(bytes: ByteArray, from: Int, length: Int): Int {
        for (i in 0 until length) {
            val byte = read()
            if (byte < 0) return if (i == 0) -1 else i
            bytes[from + i] = byte.toByte()
        }
        return length
    }

    override fun close() = stream.close()

    private companion object {
        const val NONE = -1
    }
}
