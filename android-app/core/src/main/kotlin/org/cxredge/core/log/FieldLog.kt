package org.cxredge.core.log

import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.json.JsonText
import org.cxredge.core.json.isUnprintable
import org.cxredge.core.selftest.SelfTestResult
import org.cxredge.core.selftest.StageVerdict
import java.time.LocalDate

/**
 * What a tester sends back: app, phone, bundle, self-test and timings, refusals and crashes; nothing about a person or
 * a film. Whatever is put in, the log is one that `cxredge field` reads: words are cleaned and cut, and what would
 * contradict itself cannot be made.
 */
class FieldLog(
    private val app: LoggedApp,
    private val device: Device,
    /** Null: none was accepted. */
    private val bundle: LoggedBundle?,
    /** Oldest first, as the crashes; the newest of them are kept. */
    private val refusals: List<LoggedRefusal>,
    private val crashes: List<Crash>,
) {
    /**
     * JSON of docs/schemas/field-log.schema.json, version 2; null where there is nothing to say: no self-test, no
     * refusal and no crash. [day]: without a time, which would tell more than is needed.
     */
    fun json(day: LocalDate): String? {
        val run = bundle?.run
        if (run?.selfTest == null && refusals.isEmpty() && crashes.isEmpty()) return null
        val written = day.coerceIn(DATES)
        return JsonText.of(
            mapOf(
                "field_log" to 2,
                "written" to written.toString(),
                "study" to null,
                "app" to mapOf("name" to app.name, "version" to word(app.version)),
                "system" to mapOf(
                    "name" to "android", "version" to word(device.android), "api" to device.api.coerceIn(APIS),
                ),
                "device" to of(device),
                "bundle" to bundle?.bundle?.let(::of),
                "artifact" to run?.let {
                    mapOf("name" to it.artifact.name, "sha256" to it.artifact.sha256, "runtime" to word(it.runtime))
                },
                "self_test" to run?.selfTest?.let(::of),
                "benchmark" to run?.benchmark?.let(::of),
                "refusals" to refusals.takeLast(MAX_EVENTS).map(::of),
                "crashes" to crashes.takeLast(MAX_EVENTS).map { of(it, written) },
            ),
        )
    }

    private fun of(device: Device): Map<String, Any?> = mapOf(
        "manufacturer" to word(device.manufacturer),
        "model" to word(device.model),
        "soc" to device.soc?.let { line(it, MAX_WORD) }?.ifEmpty { null },
        "abi" to word(device.abi),
        "cpu_features" to device.cpuFeatures.filter(FEATURE::matches).distinct().sorted().take(MAX_FEATURES),
        "cores" to device.cores.coerceIn(CORES),
        "memory_mb" to device.memoryMb.coerceIn(MEMORY),
    )

    private fun of(bundle: ModelBundle): Map<String, Any?> = bundle.manifest.run {
        mapOf(
            "id" to id,
            "name" to model.name,
            // as it was written, which its numbers do not tell: 01.0.0 is 1.0.0
            "version" to id.removePrefix("${model.name}-").substringBeforeLast('-'),
            "kind" to kind,
            "signed_by" to bundle.signedBy.fingerprint,
            "development_key" to bundle.signedBy.development,
        )
    }

    private fun of(selfTest: SelfTestResult): Map<String, Any?> = mapOf(
        "passed" to selfTest.passed,
        "seconds" to selfTest.seconds,
        "stages" to selfTest.stages.map(::of),
    )

    private fun of(stage: StageVerdict): Map<String, Any?> = mapOf(
        "stage" to stage.stage.name.lowercase(),
        "passed" to stage.passed,
        "checks" to stage.checks,
        // a share of a tolerance of nothing is infinite, and JSON has no such number
        "worst" to stage.worst.takeIf { it in 0.0..Double.MAX_VALUE },
        "allowed" to stage.stage.allowed,
        "detail" to if (stage.passed) "" else line(stage.detail, MAX_SENTENCE).ifEmpty { UNKNOWN },
    )

    private fun of(benchmark: Benchmark): Map<String, Any?> = mapOf(
        "threads" to benchmark.threads,
        "load_ms" to benchmark.latency.loadMs,
        "first_ms" to benchmark.latency.firstMs,
        "runs" to benchmark.latency.runs,
        "p50_ms" to benchmark.latency.p50Ms,
        "p90_ms" to benchmark.latency.p90Ms,
        "thermal_before" to word(benchmark.thermalBefore),
        "thermal_after" to word(benchmark.thermalAfter),
    )

    private fun of(refusal: LoggedRefusal): Map<String, Any?> = mapOf(
        "during" to refusal.during.name.lowercase(),
        "code" to refusal.code.takeIf(CODE::matches).let { it ?: "APP-UNEXPECTED" },
        "reason" to if (refusal.during == Moment.FILM) "" else line(refusal.reason, MAX_SENTENCE),
    )

    /** [written]: clocks are set back, but no log tells of days to come. */
    private fun of(crash: Crash, written: LocalDate): Map<String, Any?> = mapOf(
        "kind" to crash.kind.word,
        "on" to crash.on.coerceIn(DATES.start, written).toString(),
        "what" to word(crash.what),
        "at" to crash.at.take(MAX_FRAMES).map(::word),
    )

    /** A phone that does not say a thing says nothing. */
    private fun word(words: String): String = line(words, MAX_WORD).ifEmpty { UNKNOWN }

    /** [words] on one line of at most [size] characters. */
    private fun line(words: String, size: Int): String =
        words.take(size).map { if (it.isUnprintable() || it.isSurrogate()) ' ' else it }.joinToString("").trim()

    internal companion object {
        /** Characters of a word. */
        const val MAX_WORD = 80

        /** Places of a crash. */
        const val MAX_FRAMES = 8
        private const val MAX_SENTENCE = 500
        private const val MAX_EVENTS = 32
        private const val MAX_FEATURES = 128

        /** What a log may say; a phone's clock and its system may say anything. */
        private val DATES = LocalDate.of(2000, 1, 1)..LocalDate.of(9999, 12, 31)
        private val APIS = 1..10_000
        private val CORES = 1..4096
        private val MEMORY = 1..(1L shl 40)
        private const val UNKNOWN = "unknown"
        private val FEATURE = Regex("[a-z0-9_.+-]{1,40}")
        private val CODE = Regex("[A-Z]{2,20}(-[A-Z0-9]{1,20}){0,3}")
    }
}
