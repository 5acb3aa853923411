package org.cxredge.core.log

import org.cxredge.core.Fixtures
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource
import org.cxredge.core.model.OnnxRuntime
import org.cxredge.core.selftest.SelfTestResult
import org.cxredge.core.selftest.Stage
import org.cxredge.core.selftest.StageVerdict
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.File

class FieldLogTest {
    private val bundle = Fixtures.open()
    private val artifact = bundle.manifest.artifact(bundle.manifest.primary)
    private val result = SelfTestResult(
        listOf(
            StageVerdict(Stage.PREPROCESSING, true, 4, 0.0, 0.0, ""),
            StageVerdict(Stage.RUNTIME, false, 12, 1.5, 1.0, "phantom-0: \"logits\"\n" + "x".repeat(900)),
            StageVerdict(Stage.DECISION, true, 42, 0.0, 0.0, ""),
        ),
        0.75,
    )
    private val benchmark = Benchmark(2, Latency.of(12.5, 9.0, doubleArrayOf(4.0, 1.0, 3.0, 2.0)), "none", "light")

    private fun log(device: Device = device(), benchmark: Benchmark? = this.benchmark): JsonNode {
        val text = json(device, result, benchmark)
        return Json.parse(text.toByteArray(), 100_000, JsonSource("log", "SYNTAX", "SCHEMA", ""))
    }

    private fun json(device: Device, result: SelfTestResult, benchmark: Benchmark?): String =
        FieldLog.json(bundle, artifact, "1.0.0", OnnxRuntime.name, device, result, benchmark, "2026-11-21")

    private fun device(model: String = "JVM") = Device("none", model, "none", 35, "x86_64", 2, 4096)

    @Test
    fun hasTheShapeOfTheSchema() {
        val log = log().record(setOf("field_log", "bundle", "app", "device", "self_test", "benchmark", "written"))
        assertEquals(1L, log["field_log"].long())
        val logged = log["bundle"].record(
            setOf("id", "name", "version", "kind", "artifact", "artifact_sha256", "signed_by", "development_key"),
        )
        assertEquals(bundle.manifest.id, logged["id"].text())
        assertEquals(Fixtures.key.fingerprint, logged["signed_by"].text())
        assertTrue(logged["development_key"].flag())
        log["app"].record(setOf("version", "runtime"))
        log["device"].record(setOf("manufacturer", "model", "android", "api", "abi", "cores", "memory_mb"))
        val test = log["self_test"].record(setOf("passed", "seconds", "stages"))
        assertEquals(false, test["passed"].flag())
        val stages = test["stages"].elements(3..3)
            .map { it.record(setOf("stage", "passed", "checks", "worst", "allowed", "detail")) }
        assertEquals(listOf("preprocessing", "runtime", "decision"), stages.map { it["stage"].text() })
        assertEquals(500, stages[1]["detail"].text().length)
        val timed = log["benchmark"].record(
            setOf("threads", "load_ms", "first_ms", "runs", "p50_ms", "p90_ms", "thermal_before", "thermal_after"),
        )
        assertEquals(2.5, timed["p50_ms"].number())
        assertTrue(log(benchmark = null)["benchmark"].isNull)
    }

    /** tests/android holds this log against the published schema. */
    @Test
    fun writesALogForTheHostToRead() {
        val passed = SelfTestResult(result.stages.filter { it.passed }, 0.5)
        File("target/field-log.json").writeText(json(device(), passed, benchmark))
    }

    @Test
    fun whatIsInfiniteIsNotSaid() {
        val broken = listOf(StageVerdict(Stage.RUNTIME, false, 1, Double.POSITIVE_INFINITY, 1.0, "far off"))
        val text = json(device(), SelfTestResult(broken, 0.5), null)
        val log = Json.parse(text.toByteArray(), 100_000, JsonSource("log", "SYNTAX", "SCHEMA", ""))
        assertTrue(log["self_test"]["stages"].elements(1..1).single()["worst"].isNull)
    }

    @Test
    fun namesAreWordsOnOneLine() {
        fun model(name: String): String = log(device(name))["device"]["model"].text()
        assertEquals("unknown", model(" \n"))
        assertEquals("a b", model("a\u0007b"))
        assertEquals(80, model("x".repeat(300)).length)
        assertEquals("y", model("\ud83ey\udec1"))
        assertEquals("Téléphone \"1\"", model("Téléphone \"1\""))
    }

    @Test
    fun percentilesAreNumpys() {
        // numpy.percentile([1, 2, 3, 4, 10], [50, 90]) is [3, 7.6]
        val latency = Latency.of(1.0, 2.0, doubleArrayOf(10.0, 4.0, 3.0, 2.0, 1.0))
        assertEquals(3.0, latency.p50Ms)
        assertEquals(7.6, latency.p90Ms, 1e-12)
        assertEquals(5, latency.runs)
        assertEquals(7.0, Latency.of(1.0, 2.0, doubleArrayOf(7.0)).p90Ms)
        assertThrows<IllegalArgumentException> { Latency.of(1.0, 2.0, doubleArrayOf()) }
    }
}
