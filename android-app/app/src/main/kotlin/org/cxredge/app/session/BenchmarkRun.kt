package org.cxredge.app.session

import org.cxredge.core.Refusal
import org.cxredge.core.log.Benchmark
import org.cxredge.core.log.Latency
import org.cxredge.core.model.Classifier

sealed interface BenchmarkState {
    data object Idle : BenchmarkState

    data class Running(val threads: Int, val done: Int, val all: Int) : BenchmarkState

    data class Done(val benchmark: Benchmark) : BenchmarkState

    data class Refused(val refusal: Refusal) : BenchmarkState
}

/** Times loading, the first run and steady runs of the model in use, on a picture of the bundle's self-test. */
class BenchmarkRun(private val services: Services, private val checked: Checked, private val thermal: () -> String) {
    /** Runs on the worker's thread. [report]: runs done. Throws [Refusal] BUNDLE-*, STORAGE-LOW, RUNTIME-*. */
    fun run(threads: Int, job: Job, report: (Int) -> Unit): Benchmark {
        val pixels = picture()
        val model = ModelFile(services.models).ready(checked.bundle, checked.artifact)
        val before = thermal()
        val spec = checked.bundle.manifest.model.input
        val start = System.nanoTime()
        Classifier(checked.artifact, spec, checked.runtime.open(model, checked.artifact, spec, threads)).use { model ->
            val loaded = milliseconds(start)
            val times = DoubleArray(RUNS) { i ->
                job.check()
                report(i)
                val begin = System.nanoTime()
                model.classify(pixels)
                milliseconds(begin)
            }
            val steady = times.copyOfRange(WARM_UP, RUNS)
            return Benchmark(threads, Latency.of(loaded, times[0], steady), before, thermal())
        }
    }

    private fun picture(): ByteArray {
        val path = services.bundle.list().filter { it.startsWith("selftest/") && it.endsWith(".pixels") }.minOrNull()
            ?: throw Refusal("BUNDLE-FILES", "the bundle's self-test holds no pixels", "build the bundle again")
        return checked.bundle.bytes(path)
    }

    private fun milliseconds(since: Long): Double = (System.nanoTime() - since) / 1e6

    companion object {
        /** Runs at the start that do not count as steady. */
        const val WARM_UP: Int = 5
        const val RUNS: Int = 35
    }
}
