package org.cxredge.core

/** The phone, without anything that names it or its owner. */
class Device(
    val manufacturer: String,
    val model: String,
    val android: String,
    val api: Int,
    val abi: String,
    val cores: Int,
    val memoryMb: Long,
)

class Latency(val loadMs: Double, val firstMs: Double, val runs: Int, val p50Ms: Double, val p90Ms: Double) {
    companion object {
        /** Percentiles by linear interpolation, as numpy's default. */
        fun of(loadMs: Double, firstMs: Double, steadyMs: DoubleArray): Latency = TODO()
    }
}

class Benchmark(val threads: Int, val latency: Latency, val thermalBefore: String, val thermalAfter: String)

/** What a tester sends back: bundle, device, runtime, self-test and timings; nothing about a person or a film. */
object FieldLog {
    /** JSON of docs/schemas/field-log.schema.json. [day]: ISO date. */
    fun json(
        bundle: Bundle,
        artifact: Artifact,
        app: String,
        runtime: String,
        device: Device,
        selfTest: SelfTestResult,
        benchmark: Benchmark?,
        day: String,
    ): String = TODO()
}
