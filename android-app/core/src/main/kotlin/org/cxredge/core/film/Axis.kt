package org.cxredge.core.film

/** Fraction bits of the weights. */
internal const val PRECISION_BITS = 22

/**
 * One axis of the resize: Pillow's antialiased bilinear in fixed point (images/resample.py is the specification), for
 * a film that lies at [offset] of a fitted picture of [fitted] samples, giving [outputs] samples.
 *
 * Everything is in the film's own stored samples: bars and what a crop cut off need not exist, and a mirrored film
 * need not be turned. Slots are outputs in the order in which the stored samples complete them.
 *
 * [samples]: the film's, 1..65,535. [mirrored]: stored sample 0 is the last one upright. [pad]: grey level of bars.
 */
internal class Axis(
    private val samples: Int,
    private val fitted: Int,
    private val offset: Int,
    val outputs: Int,
    private val mirrored: Boolean,
    private val pad: Int,
) {
    /** First and end (exclusive) stored sample of each slot; neither ever decreases. */
    val first = IntArray(outputs)
    val end = IntArray(outputs)

    /** Where the slot's weights begin in [weights]. */
    val at = IntArray(outputs)

    /** What the rounding and the bars add to a slot's sum. */
    val base = IntArray(outputs)
    val weights: IntArray

    init {
        val perOutput = Array(outputs) { slot -> place(slot) }
        weights = IntArray(perOutput.sumOf { it.size })
        var used = 0
        perOutput.forEachIndexed { slot, kept ->
            at[slot] = used
            kept.copyInto(weights, used)
            used += kept.size
        }
    }

    /** The output, 0..outputs - 1, that a slot gives. */
    fun output(slot: Int): Int = if (mirrored) outputs - 1 - slot else slot

    /** Sets the slot's range and base; returns its weights in stored order. */
    private fun place(slot: Int): IntArray {
        val scale = fitted.toDouble() / outputs
        val reach = maxOf(scale, 1.0)
        val inverse = 1.0 / reach
        val centre = (output(slot) + 0.5) * scale
        val from = maxOf((centre - reach + 0.5).toInt(), 0)
        val to = minOf((centre + reach + 0.5).toInt(), fitted)
        val triangle = DoubleArray(to - from) { maxOf(1.0 - Math.abs((from + it - centre + 0.5) * inverse), 0.0) }
        val fixed = fixedPoint(triangle)
        val low = (from - offset).coerceIn(0, samples)
        val high = (to - offset).coerceIn(0, samples)
        val kept = if (low < high) fixed.copyOfRange(low + offset - from, high + offset - from) else IntArray(0)
        // a row of bars alone stays at pad through a pass: the weights miss 2^22 by half a unit each at most, and the
        // pixel limit bounds their number to some thousands
        base[slot] = (1 shl (PRECISION_BITS - 1)) + (fixed.sum() - kept.sum()) * pad
        first[slot] = if (mirrored) samples - high else low
        end[slot] = if (mirrored) samples - low else high
        if (mirrored) kept.reverse()
        return kept
    }

    private fun fixedPoint(triangle: DoubleArray): IntArray {
        var total = 0.0
        for (weight in triangle) total += weight
        return IntArray(triangle.size) { (0.5 + (triangle[it] / total) * (1 shl PRECISION_BITS)).toInt() }
    }
}

/** A sum of weighted samples as a grey level. */
internal fun level(sum: Int): Byte = (sum shr PRECISION_BITS).coerceIn(0, 255).toByte()
