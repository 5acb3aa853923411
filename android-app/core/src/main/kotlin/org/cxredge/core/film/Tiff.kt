package org.cxredge.core.film

/** Why a block is no TIFF structure, in words that follow its name. */
internal class TiffException(message: String) : Exception(message)

/** The first directory of the TIFF structure at [from] until [to] of [data] (TIFF 6.0, section 2). */
internal class Tiff(private val data: ByteArray, private val from: Int, private val to: Int) {
    /** [value]: the first, where the type is SHORT or LONG. */
    class Entry(val type: Int, val count: Long, val value: Long)

    private val bigEndian: Boolean

    init {
        if (to - from < 4) throw TiffException("is no TIFF structure")
        bigEndian = data.startsWith("MM\u0000*", from)
        if (!bigEndian && !data.startsWith("II*\u0000", from)) throw TiffException("is no TIFF structure")
    }

    /** The first entry of [tag], null where there is none. Throws [TiffException] where the block ends before it. */
    fun find(tag: Long): Entry? {
        val at = places(tag).firstOrNull() ?: return null
        val type = number(at + 2, 2).toInt()
        return Entry(type, number(at + 4, 4), number(at + 8, if (type == SHORT) 2 else 4))
    }

    /** Whether more entries than one have [tag], as far as the block goes. */
    fun several(tag: Long): Boolean = try {
        places(tag).elementAtOrNull(1) != null
    } catch (_: TiffException) {
        false
    }

    /** Where the entries of [tag] begin, sought as they are asked for. */
    private fun places(tag: Long): Sequence<Long> = sequence {
        val directory = number(4, 4)
        for (entry in 0 until number(directory, 2)) {
            val at = directory + 2 + 12 * entry
            if (number(at, 2) == tag) yield(at)
        }
    }

    private fun number(at: Long, size: Int): Long {
        if (at + size > to - from) throw TiffException("ends early")
        return data.unsigned(from + at.toInt(), size, bigEndian)
    }

    companion object {
        const val SHORT: Int = 3
    }
}
