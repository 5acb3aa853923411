package org.cxredge.core.film

/**
 * The pass across lines: every line is added to the outputs that it reaches, which are given away as they complete.
 *
 * [length]: uint8 samples a line. [emit] takes an output's number and its line, which is valid during the call only.
 */
internal class Accumulate(
    private val axis: Axis,
    private val length: Int,
    private val emit: (output: Int, line: ByteArray) -> Unit,
) {
    private val sums = arrayOfNulls<IntArray>(axis.outputs)
    private val free = ArrayDeque<IntArray>()
    private val line = ByteArray(length)
    private var done = 0
    private var begun = 0
    private var next = 0

    /** Whether the next line reaches an output; one that does not may hold anything. */
    fun reached(): Boolean {
        var slot = done
        while (slot < axis.outputs && axis.first[slot] <= next) if (axis.end[slot++] > next) return true
        return false
    }

    fun add(samples: ByteArray) {
        while (begun < axis.outputs && axis.first[begun] <= next) begin(begun++)
        for (slot in done until begun) {
            if (next < axis.end[slot]) weigh(sums[slot] ?: error("slot $slot"), axis.weights[axis.at[slot] + next - axis.first[slot]], samples)
        }
        next++
        while (done < begun && axis.end[done] <= next) finish(done++)
    }

    /** Gives away the outputs that only bars reach, behind the last line. */
    fun finish() {
        while (done < axis.outputs) {
            if (begun == done) begin(begun++)
            finish(done++)
        }
    }

    private fun begin(slot: Int) {
        val sum = free.removeLastOrNull() ?: IntArray(length)
        sum.fill(axis.base[slot])
        sums[slot] = sum
    }

    private fun weigh(sum: IntArray, weight: Int, samples: ByteArray) {
        for (i in 0 until length) sum[i] += weight * (samples[i].toInt() and 255)
    }

    private fun finish(slot: Int) {
        val sum = sums[slot] ?: error("slot $slot")
        for (i in 0 until length) line[i] = level(sum[i])
        emit(axis.output(slot), line)
        sums[slot] = null
        free.addLast(sum)
    }
}
