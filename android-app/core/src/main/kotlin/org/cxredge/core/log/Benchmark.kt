package org.cxredge.core.log

import kotlin.math.floor

/** Milliseconds: of loading, of the first run, and percentiles of [runs] more. */
class Latency(val loadMs: Double, val firstMs: Double, val runs: Int, val p50Ms: Double, val p90Ms: Double) {
    companion object {
        /** Percentiles by linear interpolation, as numpy's default. [steadyMs]: one value a run, at least one. */
        fun of(loadMs: Double, firstMs: Double, steadyMs: DoubleArray): Latency {
            require(steadyMs.isNotEmpty()) { "no run was timed" }
            val sorted = steadyMs.sortedArray()
            return Latency(loadMs, firstMs, sorted.size, percentile(sorted, 0.5), percentile(sorted, 0.9))
        }

        private fun percentile(sorted: DoubleArray, share: Double): Double {
            val place = share * (sorted.size - 1)
            val low = floor(place).toInt()
            val high = minOf(low + 1, sorted.size - 1)
            return sorted[low] + (sorted[high] - sorted[low]) * (place - low)
        }
    }
}

/** Timings of one artifact, and the phone's own words for how hot it was before and after. */
class Benchmark(val threads: Int, val latency: Latency, val thermalBefore: String, val thermalAfter: String)
