package org.cxredge.core.film

import org.cxredge.core.Refusal

/**
 * Exif orientation 1..8 of a TIFF-structured Exif block, [data] from [from] up to [to] (Exif 2.32, tag 0x0112); 1
 * where the tag is absent. Only the first directory counts; XMP is not read. Throws [Refusal] IMG-ORIENTATION.
 */
internal fun orientation(data: ByteArray, from: Int, to: Int): Int = Tiff(data, from, to).orientation()

private class Tiff(private val data: ByteArray, private val from: Int, private val to: Int) {
    private var bigEndian = false

    fun orientation(): Int {
        bigEndian = when {
            to - from >= 4 && data.startsWith("II*\u0000", from) -> false
            to - from >= 4 && data.startsWith("MM\u0000*", from) -> true
            else -> throw refuse("its Exif block is no TIFF structure, so which way is up is unknown")
        }
        val directory = number(4, 4)
        for (entry in 0 until number(directory, 2)) {
            val at = directory + 2 + 12 * entry
            if (number(at, 2) != 0x0112L) continue
            if (number(at + 2, 2) != 3L || number(at + 4, 4) != 1L) throw refuse("its Exif orientation is not one SHORT")
            val value = number(at + 8, 2)
            if (value !in 1..8) throw refuse("its Exif orientation is $value")
            return value.toInt()
        }
        return 1
    }

    private fun number(at: Long, size: Int): Long {
        if (at + size > to - from) throw refuse("its Exif block ends early, so which way is up is unknown")
        return data.unsigned(from + at.toInt(), size, bigEndian)
    }

    private fun refuse(cause: String): Refusal =
        Refusal("IMG-ORIENTATION", "the image: $cause", "turn the film upright and save it without Exif data")
}

/** The unsigned number in the [size] bytes (1..4) from [at] on. */
internal fun ByteArray.unsigned(at: Int, size: Int, bigEndian: Boolean = true): Long {
    var value = 0L
    for (i in 0 until size) {
        val byte = this[at + if (bigEndian) i else size - 1 - i].toLong() and 255
        value = value shl 8 or byte
    }
    return value
}
