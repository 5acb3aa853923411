package org.cxredge.core.film

/** JPEG files made of markers, right or wrong: every block is a difference of zero and nothing else, two bits long. */
internal object TestJpeg {
    val START = byteArrayOf(-1, 0xD8.toByte())
    val END = byteArrayOf(-1, 0xD9.toByte())

    /** Both tables have one code, 0: a difference of 0 bits, and the end of the block. */
    val TABLES = segment(0xC4, table(0x00, 0)) + segment(0xC4, table(0x10, 0))

    fun segment(marker: Int, payload: ByteArray): ByteArray {
        val length = payload.size + 2
        return byteArrayOf(-1, marker.toByte(), (length shr 8).toByte(), length.toByte()) + payload
    }

    fun bytes(vararg values: Int): ByteArray = ByteArray(values.size) { values[it].toByte() }

    /** A Huffman table of the codes 0, 10, 110 and so on, for [symbols]. */
    fun table(place: Int, vararg symbols: Int): ByteArray =
        bytes(place) + ByteArray(16) { if (it < symbols.size) 1 else 0 } + bytes(*symbols)

    fun exif(orientation: Int): ByteArray =
        segment(0xE1, "Exif\u0000\u0000".toByteArray() + TestPng.exifBlock(orientation))

    /** Components are called 1, 2 and so on; [sampling]: of each, 0x11 for one that is not reduced. */
    fun frame(height: Int, width: Int, vararg sampling: Int, precision: Int = 8, marker: Int = 0xC0): ByteArray {
        val sizes = bytes(precision, height shr 8, height, width shr 8, width, sampling.size)
        return segment(marker, sizes + sampling.indices.map { bytes(it + 1, sampling[it], 0) }.flatMap { it.toList() })
    }

    /** A scan of [components] with [coded] data behind its header. */
    fun scan(components: List<Int>, coded: ByteArray, first: Int = 0, last: Int = 63, bits: Int = 0): ByteArray {
        val names = components.flatMap { listOf(it, 0) }.toIntArray()
        return segment(0xDA, bytes(components.size, *names, first, last, bits)) + coded
    }

    /** Coded data of [blocks] blocks. */
    fun zeros(blocks: Int): ByteArray {
        val coded = ByteArray((2 * blocks + 7) / 8)
        if (blocks % 4 != 0) coded[coded.size - 1] = (255 ushr (2 * blocks % 8)).toByte()
        return coded
    }

    /** [before]: segments that stand before the frame header. */
    fun header(
        height: Int = 8,
        width: Int = 8,
        components: Int = 1,
        precision: Int = 8,
        before: ByteArray = ByteArray(0),
    ): ByteArray {
        val frame = frame(height, width, *IntArray(components) { 0x11 }, precision = precision)
        val blocks = components * ((height + 7) / 8) * ((width + 7) / 8)
        return START + before + frame + TABLES + scan((1..components).toList(), zeros(blocks)) + END
    }

    private operator fun ByteArray.plus(more: List<Byte>): ByteArray = this + more.toByteArray()
}
