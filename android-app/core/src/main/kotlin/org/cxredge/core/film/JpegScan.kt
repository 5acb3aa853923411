package org.cxredge.core.film

/** One component of a frame, and what of it was sent so far. */
internal class JpegComponent(val id: Int, val across: Int, val down: Int) {
    /** Size in blocks where the component has a scan of its own (T.81 A.2.2). */
    var columns = 0
    var rows = 0

    /** Lowest bit of each coefficient, in zigzag order, that was sent; [UNSENT] before any. */
    val sent = IntArray(COEFFICIENTS) { UNSENT }

    /** Coefficients of each block that are not zero, a bit each; only of those that are to be refined. */
    var nonzero = LongArray(0)

    val complete: Boolean get() = sent.all { it == 0 }

    companion object {
        const val COEFFICIENTS = 64
        const val UNSENT = Int.MAX_VALUE
    }
}

/** A component of a scan with its tables; null where the scan's kind needs none. */
internal class JpegCoded(val component: JpegComponent, val dc: JpegHuffman?, val ac: JpegHuffman?)

/** Bits [high] (0: all above are new) down to [low] of coefficients [first]..[last]; a sequential scan has all. */
internal class JpegBand(val first: Int, val last: Int, val high: Int, val low: Int)

/**
 * Walks one scan's coded data without computing a coefficient; throws [org.cxredge.core.Refusal] IMG-TRUNCATED where
 * it does not reach the last block, IMG-DAMAGED.
 *
 * [units]: MCUs of the scan, or blocks where it has one component. [interval]: MCUs between restart markers, or 0.
 */
internal class JpegScan(
    private val bits: JpegBits,
    private val coded: List<JpegCoded>,
    private val band: JpegBand,
    private val units: Int,
    private val interval: Int,
) {
    /** Blocks that are still to come of a run of blocks without further coefficients (T.81 G.1.2.2). */
    private var run = 0

    /** T.81 F.2.2. */
    fun sequential() {
        val blocks = blocks()
        intervals { from, to ->
            for (unit in from until to) for (block in blocks) sequential(table(block.dc), table(block.ac))
        }
    }

    /** T.81 G.2. */
    fun progressive() {
        if (band.first == 0) return direct()
        val component = coded.single().component
        val ac = table(coded.single().ac)
        val history = component.nonzero
        intervals { from, to ->
            run = 0
            if (band.high == 0) {
                first(ac, from, to, history)
            } else {
                for (block in from until to) refine(ac, history, block)
            }
        }
    }

    private fun direct() {
        val blocks = blocks()
        intervals { from, to ->
            if (band.high != 0) {
                for (unit in from until to) bits.skip(blocks.size)
            } else {
                for (unit in from until to) for (block in blocks) difference(table(block.dc))
            }
        }
    }

    /** The blocks of an MCU. */
    private fun blocks(): Array<JpegCoded> {
        if (coded.size == 1) return arrayOf(coded.single())
        return coded.flatMap { one -> List(one.component.across * one.component.down) { one } }.toTypedArray()
    }

    /** Units from..to (exclusive) between restart markers, one call each. */
    private inline fun intervals(walk: (from: Int, to: Int) -> Unit) {
        var from = 0
        var restarts = 0
        while (from < units) {
            if (from > 0) bits.restart(restarts++ and 7)
            val to = if (interval == 0) units else minOf(units, from + interval)
            walk(from, to)
            from = to
        }
    }

    private fun difference(dc: JpegHuffman) {
        val size = bits.symbol(dc)
        if (size > MAX_DIFFERENCE) throw damaged("its coded data holds a difference of $size bits")
        bits.skip(size)
    }

    private fun sequential(dc: JpegHuffman, ac: JpegHuffman) {
        difference(dc)
        var k = 1
        while (k < JpegComponent.COEFFICIENTS) {
            val symbol = bits.symbol(ac)
            val size = symbol and 15
            if (size == 0 && symbol != ZEROS) return
            k += (symbol ushr 4) + 1
            bits.skip(size)
        }
        if (k > JpegComponent.COEFFICIENTS) throw beyond()
    }

    private fun first(ac: JpegHuffman, from: Int, to: Int, history: LongArray) {
        var block = from
        while (block < to) {
            if (run > 0) {
                val passed = minOf(run, to - block)
                run -= passed
                block += passed
                continue
            }
            val found = first(ac)
            if (history.isNotEmpty()) history[block] = history[block] or found
            block++
        }
    }

    /** One block of a band's first scan; returns its coefficients that are not zero. */
    private fun first(ac: JpegHuffman): Long {
        var found = 0L
        var k = band.first
        while (k <= band.last) {
            val symbol = bits.symbol(ac)
            val zeros = symbol ushr 4
            val size = symbol and 15
            if (size == 0 && zeros < 15) {
                // this block is the first of the run
                run = (1 shl zeros) + bits.number(zeros) - 1
                return found
            }
            k += zeros
            if (k > band.last) throw beyond()
            if (size > 0) found = found or (1L shl k)
            bits.skip(size)
            k++
        }
        return found
    }

    /** One block of a scan that adds a bit (T.81 G.1.2.3): each coefficient that is not zero has one of its own. */
    private fun refine(ac: JpegHuffman, history: LongArray, block: Int) {
        val known = history[block]
        var k = band.first
        while (run == 0 && k <= band.last) {
            val symbol = bits.symbol(ac)
            val size = symbol and 15
            var zeros = symbol ushr 4
            if (size > 1) throw damaged("its coded data adds a coefficient of $size bits where one bit is sent")
            if (size == 0 && zeros < 15) {
                run = (1 shl zeros) + bits.number(zeros)
                break
            }
            bits.skip(size)
            while (k <= band.last) {
                if (known ushr k and 1L != 0L) bits.skip(1) else if (zeros-- == 0) break
                k++
            }
            if (k > band.last) throw beyond()
            if (size > 0) history[block] = history[block] or (1L shl k)
            k++
        }
        if (run > 0) {
            run--
            // k is 63 at most: a run begins within the band
            bits.skip(java.lang.Long.bitCount(known ushr k shl k and (-1L ushr (63 - band.last))))
        }
    }

    private fun table(table: JpegHuffman?): JpegHuffman =
        table ?: throw damaged("one of its scans names a Huffman table that it does not have")

    private companion object {
        /** A run of 16 zeros. */
        const val ZEROS = 0xF0

        /** Most bits of a difference: 11 for samples of 8 bits, 15 for 12. */
        const val MAX_DIFFERENCE = 15

        fun beyond() = damaged("its coded data holds a coefficient beyond its block")
    }
}
