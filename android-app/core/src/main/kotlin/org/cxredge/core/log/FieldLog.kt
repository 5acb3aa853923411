package org.cxredge.core.log

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.json.JsonText
import org.cxredge.core.selftest.SelfTestResult
import org.cxredge.core.selftest.StageVerdict

/** What a tester sends back: bundle, device, runtime, self-test and timings; nothing about a person or a film. */
object FieldLog {
    /**
     * JSON of docs/schemas/field-log.schema.json.
     *
     * [app]: version of the app. [runtime]: name and version. [benchmark]: null where none was run. [day]: ISO date,
     * without a time, which would tell more than is needed.
     */
    fun json(
        bundle: ModelBundle,
        artifact: Artifact,
        app: String,
        runtime: String,
        device: Device,
        selfTest: SelfTestResult,
        benchmark: Benchmark?,
        day: String,
    ): String = JsonText.of(
        mapOf(
            "field_log" to 1,
            "bundle" to of(bundle, artifact),
            "app" to mapOf("version" to name(app), "runtime" to name(runtime)),
            "device" to mapOf(
                "manufacturer" to name(device.manufacturer),
                "model" to name(device.model),
                "android" to name(device.android),
                "api" to device.api,
                "abi" to name(device.abi),
                "cores" to device.cores,
                "memory_mb" to device.memoryMb,
            ),
            "self_test" to mapOf(
                "passed" to selfTest.passed,
                "seconds" to selfTest.seconds,
                "stages" to selfTest.stages.map(::of),
            ),
            "benchmark" to benchmark?.let(::of),
            "written" to day,
        ),
    )

    private fun of(bundle: ModelBundle, artifact: Artifact): Map<String, Any?> = mapOf(
        "id" to bundle.manifest.id,
        "name" to bundle.manifest.name,
        "version" to bundle.manifest.version.toString(),
        "kind" to bundle.manifest.kind,
        "artifact" to artifact.name,
        "artifact_sha256" to artifact.sha256,
        "signed_by" to bundle.signedBy.fingerprint,
        "development_key" to bundle.signedBy.development,
    )

    private fun of(stage: StageVerdict): Map<String, Any?> = mapOf(
        "stage" to stage.stage.name.lowercase(),
        "passed" to stage.passed,
        "checks" to stage.checks,
        // a share of a tolerance of nothing is infinite, and JSON has no such number
        "worst" to stage.worst.takeIf { it.isFinite() },
        "allowed" to stage.allowed,
        "detail" to text(stage.detail, MAX_DETAIL),
    )

    private fun of(benchmark: Benchmark): Map<String, Any?> = mapOf(
        "threads" to benchmark.threads,
        "load_ms" to benchmark.latency.loadMs,
        "first_ms" to benchmark.latency.firstMs,
        "runs" to benchmark.latency.runs,
        "p50_ms" to benchmark.latency.p50Ms,
        "p90_ms" to benchmark.latency.p90Ms,
        "thermal_before" to name(benchmark.thermalBefore),
        "thermal_after" to name(benchmark.thermalAfter),
    )

    /** The schema wants words here; a phone that does not say a thing says nothing. */
    private fun name(words: String): String = text(words, MAX_NAME).ifEmpty { "unknown" }

    /** [words] on one line of at most [size] characters. */
    private fun text(words: String, size: Int): String =
        words.take(size).map { if (it.isISOControl() || it.isSurrogate()) ' ' else it }.joinToString("").trim()

    private const val MAX_NAME = 80
    private const val MAX_DETAIL = 500
}
