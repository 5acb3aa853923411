package org.cxredge.core.film

/**
 * The pass across lines: an output is summed, and given away, when the last line that it needs is there.
 *
 * Held are as many lines as the widest output needs: twice the reduction, or three. [length]: uint8 samples a line.
 * [emit] takes an output's number and its line, which is valid during the call only.
 */
internal class Accumulate(
    private val axis: Axis,
    private val length: Int,
    private val emit: (output: Int, line: ByteArray) -> Unit,
) {
    private val window = (0 until axis.outputs).maxOf { axis.end[it] - axis.first[it] }
    private val recent = Array(maxOf(1, window)) { ByteArray(length) }
    private val sum = IntArray(length)
    private val line = ByteArray(length)
    private var next = 0

    /** Outputs given away; all of them after the last line. */
    private var done = 0

    /** Whether the next line reaches an output; one that does not may hold anything. */
    fun reached(): Boolean {
        var slot = done
        while (slot < axis.outputs && axis.first[slot] <= next) if (axis.end[slot++] > next) return true
        return false
    }

    fun add(samples: ByteArray) {
        samples.copyInto(recent[next++ % recent.size])
        while (done < axis.outputs && axis.end[done] <= next) give(done++)
    }

    private fun give(slot: Int) {
        sum.fill(axis.base[slot])
        val first = axis.first[slot]
        for (i in first until axis.end[slot]) weigh(axis.weights[axis.at[slot] + i - first], recent[i % recent.size])
        for (i in 0 until length) line[i] = level(sum[i])
        emit(axis.output(slot), line)
    }

    private fun weigh(weight: Int, samples: ByteArray) {
        val sum = sum
        for (i in 0 until length) sum[i] += weight * (samples[i].toInt() and 255)
    }
}
