package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.app.R
import org.cxredge.app.session.BenchmarkState
import org.cxredge.core.log.Benchmark

/** A benchmark in words. */
object BenchmarkWords {
    /** [passed]: whether the model passed its self-test. */
    fun status(state: BenchmarkState, passed: Boolean, resources: Resources): String = when (state) {
        BenchmarkState.Idle -> if (passed) "" else resources.getString(R.string.benchmark_barred)
        is BenchmarkState.Running -> resources.getString(R.string.measuring, state.done, state.all)
        is BenchmarkState.Done -> resources.getString(R.string.measured)
        is BenchmarkState.Refused -> {
            val words = RefusalWords.of(state.refusal.code)
            listOf(words.title, words.advice).joinToString(". ") { resources.getString(it) } + " (${state.refusal.code})"
        }
    }

    /** Names (string resources) and values. */
    fun figures(benchmark: Benchmark, resources: Resources): List<Pair<Int, String>> {
        fun ms(value: Double): String = resources.getString(R.string.milliseconds, value)
        val latency = benchmark.latency
        return listOf(
            R.string.measured_threads to "%d".format(benchmark.threads),
            R.string.load to ms(latency.loadMs),
            R.string.first to ms(latency.firstMs),
            R.string.steady_p50 to ms(latency.p50Ms),
            R.string.steady_p90 to ms(latency.p90Ms),
            R.string.runs to "%d".format(latency.runs),
            R.string.thermal to resources.getString(R.string.before_after, benchmark.thermalBefore, benchmark.thermalAfter),
        )
    }
}
