package org.cxredge.core.film

/** Bits of a code that one look-up finds; longer codes are rare. */
private const val LOOK = 9

/** Longest code (ITU-T T.81 F.2.2.3). */
private const val LONGEST = 16

/**
 * A Huffman table (T.81 C.2) of the DHT segment's table at [from] in [data]: 16 counts, then the symbols.
 *
 * Throws [org.cxredge.core.Refusal] IMG-DAMAGED for counts that are no prefix code.
 */
internal class JpegHuffman(data: ByteArray, from: Int) {
    /** Length and symbol, `length shl 8 or symbol`, by the next [LOOK] bits; 0 where the code is longer or none. */
    private val short = IntArray(1 shl LOOK)

    // of each length: its greatest code, -1 where it has none, and what leads from a code to its symbol
    private val greatest = IntArray(LONGEST + 1) { -1 }
    private val shift = IntArray(LONGEST + 1)
    private val symbols: IntArray

    init {
        val counts = IntArray(LONGEST) { data[from + it].toInt() and 255 }
        symbols = IntArray(counts.sum()) { data[from + LONGEST + it].toInt() and 255 }
        var code = 0
        var at = 0
        for (length in 1..LONGEST) {
            val count = counts[length - 1]
            if (code + count > 1 shl length) throw damaged("one of its Huffman tables is no code")
            shift[length] = at - code
            repeat(if (length <= LOOK) count else 0) {
                val first = (code + it) shl (LOOK - length)
                short.fill(length shl 8 or symbols[at + it], first, first + (1 shl (LOOK - length)))
            }
            code += count
            at += count
            if (count > 0) greatest[length] = code - 1
            code = code shl 1
        }
    }

    /** [next]: the next 16 bits. Returns `length shl 8 or symbol`, 0 where they begin no code. */
    fun find(next: Int): Int {
        val found = short[next ushr (LONGEST - LOOK)]
        return if (found != 0) found else longer(next)
    }

    private fun longer(next: Int): Int {
        for (length in LOOK + 1..LONGEST) {
            val code = next ushr (LONGEST - length)
            if (code <= greatest[length]) return length shl 8 or symbols[code + shift[length]]
        }
        return 0
    }

    companion object {
        /** Bytes of the table at [from]. Throws [org.cxredge.core.Refusal] IMG-DAMAGED where it passes [to]. */
        fun size(data: ByteArray, from: Int, to: Int): Int {
            var size = LONGEST
            if (from + size <= to) size += (0 until LONGEST).sumOf { data[from + it].toInt() and 255 }
            if (from + size > to) throw damaged("one of its Huffman tables is cut")
            return size
        }
    }
}
