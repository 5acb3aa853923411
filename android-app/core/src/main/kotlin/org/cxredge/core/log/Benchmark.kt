package org.cxredge.core.log

import kotlin.math.floor

/** Milliseconds: of loading, of the first run, and percentiles of [runs] more. */
class Latency private constructor(
    val loadMs: Double,
    val firstMs: Double,
    val runs: Int,
    val p50Ms: Double,
    val p90Ms: Double,
) {
    companion object {
        /**
         * Percentiles by linear interpolation, as numpy's default. [steadyMs]: one value a run, at least one. Times are
         * finite, and none is negative.
         */
        fun of(loadMs: Double, firstMs: Double, steadyMs: DoubleArray): Latency {
            require(steadyMs.isNotEmpty()) { "no run was timed" }
            require((steadyMs + loadMs + firstMs).all { it.isFinite() && it >= 0 }) { "a time is none" }
            val sorted = steadyMs.sortedArray()
            val p50 = percentile(sorted, 0.5)
            return Latency(loadMs, firstMs, sorted.size, p50, maxOf(p50, percentile(sorted, 0.9)))
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
class Benchmark(val threads: Int, val latency: Latency, val thermalBefore: String, val thermalAfter: String) {
    init {
        require(threads > 0) { "$threads threads" }
    }
}
