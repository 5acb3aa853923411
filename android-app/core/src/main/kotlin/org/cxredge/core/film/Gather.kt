package org.cxredge.core.film

/** The pass along a line: every output gathers its samples. Lines are uint8, [channels] (1 or 3) interleaved. */
internal class Gather(private val axis: Axis, private val channels: Int) {
    /** uint8[outputs * channels], in the order of outputs; reused by every call of [resize]. */
    val line = ByteArray(axis.outputs * channels)

    /** [samples]: uint8[samples * channels]. */
    fun resize(samples: ByteArray) {
        if (channels == 1) grey(samples) else colour(samples)
    }

    private fun grey(samples: ByteArray) {
        val weights = axis.weights
        for (slot in 0 until axis.outputs) {
            val first = axis.first[slot]
            val shift = axis.at[slot] - first
            var sum = axis.base[slot]
            for (i in first until axis.end[slot]) sum += weights[i + shift] * (samples[i].toInt() and 255)
            line[axis.output(slot)] = level(sum)
        }
    }

    private fun colour(samples: ByteArray) {
        val weights = axis.weights
        for (slot in 0 until axis.outputs) {
            var at = axis.at[slot]
            var red = axis.base[slot]
            var green = red
            var blue = red
            for (i in axis.first[slot] until axis.end[slot]) {
                val weight = weights[at++]
                red += weight * (samples[3 * i].toInt() and 255)
                green += weight * (samples[3 * i + 1].toInt() and 255)
                blue += weight * (samples[3 * i + 2].toInt() and 255)
            }
            val to = 3 * axis.output(slot)
            line[to] = level(red)
            line[to + 1] = level(green)
            line[to + 2] = level(blue)
        }
    }
}
