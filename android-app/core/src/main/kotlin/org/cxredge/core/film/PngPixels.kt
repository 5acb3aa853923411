package org.cxredge.core.film

/**
 * How a PNG's pixels lie in its lines, and what they mean (PNG 3rd ed., 11.2.1).
 *
 * [depth]: bits of a sample. [bits]: of a pixel. [channels]: 1 or 3, alpha not counted.
 */
internal class PngPixels private constructor(
    private val kind: Int,
    val depth: Int,
    private val palette: Palette?,
) {
    private val samples = when (kind) {
        2 -> 3
        4 -> 2
        6 -> 4
        else -> 1
    }
    val bits: Int = samples * depth
    val channels: Int = if (kind == 0 || kind == 4) 1 else 3

    /** Where a line's bytes begin: behind what stands for the pixel left of the first. */
    val start: Int = (bits + 7) / 8

    fun unpacker(width: Int): Unpacker = Unpacker(width)

    /** Lines of [width] pixels -> stored values. */
    inner class Unpacker(private val width: Int) {
        private var translucent = false

        /** [line]: as [PngLines.next] gives it. [row]: uint16[width * channels]. */
        fun unpack(line: ByteArray, row: ShortArray) {
            when {
                kind == 3 -> indexed(line, row)
                kind == 0 && depth == 16 -> for (x in 0 until width) {
                    val high = line[start + 2 * x].toInt() shl 8
                    row[x] = (high or (line[start + 2 * x + 1].toInt() and 255)).toShort()
                }
                kind == 0 && depth < 8 -> packed(line, row)
                kind == 4 || kind == 6 -> withAlpha(line, row)
                else -> for (i in 0 until width * channels) row[i] = (line[start + i].toInt() and 255).toShort()
            }
        }

        /** Throws [org.cxredge.core.Refusal] IMG-ALPHA where a pixel was not opaque. */
        fun finish() {
            if (translucent) throw transparent("some of its pixels are not opaque")
        }

        private fun withAlpha(line: ByteArray, row: ShortArray) {
            for (x in 0 until width) {
                val at = start + x * samples
                for (c in 0 until channels) row[x * channels + c] = (line[at + c].toInt() and 255).toShort()
                if (line[at + channels].toInt() != -1) translucent = true
            }
        }

        /** Grey of 1, 2 or 4 bits takes the whole range 0..255. */
        private fun packed(line: ByteArray, row: ShortArray) {
            val scale = 255 / ((1 shl depth) - 1)
            for (x in 0 until width) row[x] = (sample(line, x) * scale).toShort()
        }

        private fun indexed(line: ByteArray, row: ShortArray) {
            val palette = palette ?: error("a palette was checked for")
            for (x in 0 until width) {
                val index = sample(line, x)
                if (index >= palette.count) throw damaged("some of its pixels have no colour in its palette")
                for (c in 0..2) row[3 * x + c] = palette.colours[3 * index + c]
                if (!palette.opaque[index]) translucent = true
            }
        }

        /** Sample [x] of 1 to 8 bits; the leftmost pixel has the highest bits. */
        private fun sample(line: ByteArray, x: Int): Int {
            val bit = x * depth
            val byte = line[start + (bit shr 3)].toInt() and 255
            return (byte shr (8 - depth - (bit and 7))) and ((1 shl depth) - 1)
        }
    }

    /** [colours]: uint8[count * 3]. */
    private class Palette(val count: Int, val colours: ShortArray, val opaque: BooleanArray)

    companion object {
        /** Throws [org.cxredge.core.Refusal] IMG-DAMAGED for a depth that the kind cannot have, or a bad palette. */
        fun of(kind: Int, depth: Int, chunks: PngChunks): PngPixels {
            val depths = when (kind) {
                0 -> setOf(1, 2, 4, 8, 16)
                3 -> setOf(1, 2, 4, 8)
                2, 4, 6 -> setOf(8)
                else -> emptySet()
            }
            if (depth !in depths) throw damaged("its header says colour type $kind of $depth bits, which is none")
            return PngPixels(kind, depth, if (kind == 3) palette(chunks, depth) else null)
        }

        private fun palette(chunks: PngChunks, depth: Int): Palette {
            val given = chunks.palette ?: throw damaged("it has no palette")
            val count = given.size / 3
            if (given.size % 3 != 0 || count !in 1..(1 shl depth)) throw damaged("its palette does not fit its depth")
            val opaque = BooleanArray(count) { true }
            val alpha = chunks.transparency
            if (alpha != null && alpha.size > count) throw damaged("its palette has more opacities than colours")
            val colours = ShortArray(given.size) { (chunks.data[given.at + it].toInt() and 255).toShort() }
            for (i in 0 until (alpha?.size ?: 0)) opaque[i] = alpha == null || chunks.data[alpha.at + i].toInt() == -1
            return Palette(count, colours, opaque)
        }
    }
}
