package org.cxredge.core.log

import org.cxredge.core.Fixtures
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource
import org.cxredge.core.model.OnnxRuntime
import org.cxredge.core.selftest.SelfTestResult
import org.cxredge.core.selftest.Stage
import org.cxredge.core.selftest.StageVerdict
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.File
import java.time.LocalDate

class FieldLogTest {
    private val day = LocalDate.of(2026, 11, 26)
    private val bundle = Fixtures.open()
    private val artifact = bundle.manifest.artifact(bundle.manifest.primary)
    private val passed = SelfTestResult(Stage.entries.map { StageVerdict(it, 12, 0.0, null) }, 0.75)
    private val failed = SelfTestResult(
        listOf(
            StageVerdict(Stage.PREPROCESSING, 4, 0.0, null),
            StageVerdict(Stage.RUNTIME, 12, Double.POSITIVE_INFINITY, "phantom-0: \"logits\"\n" + "x".repeat(900)),
            StageVerdict(Stage.DECISION, 42, 1.0, "\u0000\u202e"),
        ),
        0.5,
    )
    private val benchmark = Benchmark(2, Latency.of(12.5, 9.0, doubleArrayOf(4.0, 1.0, 3.0, 2.0)), "none", "")
    private val refusal = Refusal("IMG-DAMAGED", "the film of Jane Doe: it ends early", "copy it again")
    private val crash = Crash.of(IllegalStateException("the film of Jane Doe"), day)

    private fun device(model: String = "JVM", features: List<String> = listOf("neon", "asimd")) =
        Device("none", model, "", "15", 35, "x86_64", features, 2, 4096)

    private fun log(
        selfTest: SelfTestResult? = passed,
        benchmark: Benchmark? = null,
        device: Device = device(),
        bundle: LoggedBundle? =
            LoggedBundle(this.bundle, LoggedRun(artifact, OnnxRuntime.name, selfTest, benchmark)),
        refusals: List<LoggedRefusal> = emptyList(),
        crashes: List<Crash> = emptyList(),
        day: LocalDate = this.day,
    ): String? = FieldLog(LoggedApp("cxr-edge-android", "1.0.0"), device, bundle, refusals, crashes).json(day)

    private fun parse(log: String?): JsonNode =
        Json.parse(checkNotNull(log).toByteArray(), 1_000_000, JsonSource("log", "SYNTAX", "SCHEMA", ""))

    @Test
    fun saysWhatHappened() {
        val log = parse(log(benchmark = benchmark))
        log.record(
            "field_log", "written", "study", "app", "system", "device", "bundle", "artifact", "self_test", "benchmark",
            "refusals", "crashes",
        )
        assertEquals(2L, log["field_log"].long())
        assertEquals("2026-11-26", log["written"].text())
        assertTrue(log["study"].isNull)
        assertEquals("android", log["system"].record("name", "version", "api")["name"].text())
        val device = log["device"].record(
            "manufacturer", "model", "soc", "abi", "cpu_features", "cores", "memory_mb",
        )
        assertTrue(device["soc"].isNull)
        assertEquals(listOf("asimd", "neon"), device["cpu_features"].elements().map { it.text() })
        val logged = log["bundle"].record("id", "name", "version", "kind", "signed_by", "development_key")
        assertEquals(bundle.manifest.id, logged["id"].text())
        assertEquals("phantom 1.0.0 host", logged.run { "${get("name").text()} ${get("version").text()} host" })
        assertEquals(Fixtures.key.fingerprint, logged["signed_by"].text())
        assertTrue(logged["development_key"].flag())
        assertEquals(artifact.sha256, log["artifact"].record("name", "sha256", "runtime")["sha256"].text())
        val timed = log["benchmark"].record(
            "threads", "load_ms", "first_ms", "runs", "p50_ms", "p90_ms", "thermal_before", "thermal_after",
        )
        assertEquals(2.5, timed["p50_ms"].number())
        assertEquals("unknown", timed["thermal_after"].text())
    }

    @Test
    fun aFailureIsSaidInWordsThatTheSchemaAllows() {
        val test = parse(log(failed))["self_test"].record("passed", "seconds", "stages")
        assertEquals(false, test["passed"].flag())
        val stages = test["stages"].elements(3..3)
            .map { it.record("stage", "passed", "checks", "worst", "allowed", "detail") }
        assertEquals(listOf("preprocessing", "runtime", "decision"), stages.map { it["stage"].text() })
        assertEquals(listOf("", "unknown"), listOf(0, 2).map { stages[it]["detail"].text() })
        assertEquals(500, stages[1]["detail"].text().length)
        // JSON has no infinite number
        assertEquals(listOf(false, true, false), stages.map { it["worst"].isNull })
    }

    @Test
    fun everyLogHasTheThreeStages() {
        fun stages(test: SelfTestResult) = parse(log(test))["self_test"]["stages"].elements(3..3)
        for (test in listOf(passed, failed)) {
            val said = stages(test).map { it["stage"].text() to it["allowed"].number() }
            assertEquals(listOf("preprocessing" to 0.0, "runtime" to 1.0, "decision" to 0.0), said)
        }
        for (none in listOf(-1.0, -Double.MIN_VALUE, Double.NaN, Double.POSITIVE_INFINITY)) {
            val test = SelfTestResult(Stage.entries.map { StageVerdict(it, 1, none, null) }, 0.5)
            assertTrue(stages(test).all { it["worst"].isNull && !it["passed"].flag() })
        }
        val far = SelfTestResult(Stage.entries.map { StageVerdict(it, Int.MAX_VALUE, Double.MAX_VALUE, null) }, 0.5)
        assertTrue(stages(far).all { it["worst"].number() == Double.MAX_VALUE && it["checks"].long() == 2147483647L })
    }

    @Test
    fun aClockThatIsWrongGivesADateAllTheSame() {
        val (first, last) = "2000-01-01" to "9999-12-31"
        val clocks = mapOf(
            LocalDate.of(10_000, 1, 1) to last, LocalDate.MAX to last, LocalDate.of(9999, 12, 31) to last,
            LocalDate.MIN to first, LocalDate.of(0, 1, 1) to first, LocalDate.of(1970, 1, 1) to first,
            LocalDate.of(2000, 1, 1) to first, day to "2026-11-26",
        )
        for ((clock, written) in clocks) {
            val days = listOf(LocalDate.MIN, day, day.plusDays(1), LocalDate.MAX)
            val crashes = days.map { Crash(CrashKind.NATIVE, it, "SIGSEGV", emptyList()) }
            val log = parse(log(day = clock, crashes = crashes))
            assertEquals(written, log["written"].text())
            // a crash is not of a day to come
            val expected = listOf(first) + listOf("2026-11-26", "2026-11-27", written).map { minOf(it, written) }
            assertEquals(expected, log["crashes"].elements().map { it["on"].text() })
        }
    }

    @Test
    fun numbersOfAPhoneAreWithinReason() {
        fun said(api: Int, cores: Int, memory: Long): List<Long> {
            val log = parse(log(device = Device("a", "b", null, "15", api, "x86", emptyList(), cores, memory)))
            return listOf(log["system"]["api"], log["device"]["cores"], log["device"]["memory_mb"]).map { it.long() }
        }
        assertEquals(listOf(35L, 8L, 12_000L), said(35, 8, 12_000))
        assertEquals(listOf(10_000L, 4096L, 1_099_511_627_776L), said(Int.MAX_VALUE, Int.MAX_VALUE, Long.MAX_VALUE))
        assertEquals(listOf(1L, 1L, 1L), said(Int.MIN_VALUE, Int.MIN_VALUE, Long.MIN_VALUE))
    }

    @Test
    fun refusalsAndCrashesQuoteNoFilm() {
        val refusals = listOf(LoggedRefusal.of(refusal, Moment.FILM), LoggedRefusal(Moment.START, "lower", "a\tb"))
        val text = checkNotNull(log(bundle = null, refusals = refusals, crashes = listOf(crash)))
        assertTrue("Jane" !in text)
        val log = parse(text)
        assertTrue(log["bundle"].isNull && log["artifact"].isNull && log["self_test"].isNull)
        val (film, start) = log["refusals"].elements(2..2).map { it.record(*KEYS.toTypedArray()) }
        assertEquals("film IMG-DAMAGED ", KEYS.joinToString(" ") { film[it].text() })
        assertEquals("start APP-UNEXPECTED a b", KEYS.joinToString(" ") { start[it].text() })
        val said = log["crashes"].elements(1..1).single().record("kind", "on", "what", "at")
        assertEquals("exception 2026-11-26", said.run { "${get("kind").text()} ${get("on").text()}" })
        assertEquals("java.lang.IllegalStateException", said["what"].text())
        val places = said["at"].elements(1..8).map { it.text() }
        assertTrue(Regex("org\\.cxredge\\.core\\.log\\.FieldLogTest\\..*:\\d+").matches(places[0]), places[0])
        val memory = Crash.of(OutOfMemoryError("Failed to allocate"), day)
        assertEquals(CrashKind.MEMORY to "java.lang.OutOfMemoryError", memory.run { kind to what })
    }

    @Test
    fun theNewestOfTooManyAreKept() {
        val refusals = List(40) { LoggedRefusal(Moment.BENCHMARK, "CODE-$it", "") }
        val crashes = List(40) { Crash(CrashKind.NATIVE, day, "SIGSEGV $it", List(20) { "libexecutorch.so" }) }
        val log = parse(log(refusals = refusals, crashes = crashes))
        assertEquals(List(32) { "CODE-${it + 8}" }, log["refusals"].elements().map { it["code"].text() })
        val said = log["crashes"].elements()
        assertEquals(List(32) { "SIGSEGV ${it + 8}" }, said.map { it["what"].text() })
        assertTrue(said.all { it["at"].elements().size == 8 })
        val many = parse(log(device = device(features = List(300) { "f$it" } + listOf("bad one", "", "f1", "É"))))
        val features = many["device"]["cpu_features"].elements().map { it.text() }
        assertEquals(128, features.size)
        assertEquals(features.distinct().sorted(), features)
    }

    @Test
    fun aLogThatSaysNothingIsNotWritten() {
        assertNull(log(selfTest = null))
        assertNull(log(bundle = null))
        assertNull(log(bundle = LoggedBundle(bundle, null)))
        for (result in listOf(failed, null)) assertThrows<IllegalArgumentException> { log(result, benchmark) }
        assertThrows<IllegalArgumentException> { LoggedApp("CXR Edge", "1") }
        assertThrows<IllegalArgumentException> { Benchmark(0, benchmark.latency, "", "") }
    }

    @Test
    fun aVersionIsLoggedAsItWasWritten() {
        val small = SmallBundle().apply { model["version"] = "02.1.00" }.list().open()
        val run = LoggedRun(small.manifest.artifact("onnx/fp32"), "none", passed, null)
        val logged = parse(log(bundle = LoggedBundle(small, run)))["bundle"]
        assertEquals("02.1.00", logged["version"].text())
        assertTrue(logged["id"].text().startsWith("small-02.1.00-"))
    }

    /** tests/android holds these logs against the published schema. */
    @Test
    fun writesLogsForTheHostToRead() {
        val event = LoggedRefusal.of(refusal, Moment.FILM)
        val strange = Device("\u0000", "📱", "\u202e", " ", -1, "", listOf("\n", "sse4.1", "sse4.1"), 0, 0)
        val logs = mapOf(
            "passed" to log(benchmark = benchmark),
            "failed" to log(failed, refusals = List(50) { event }, crashes = List(50) { crash }),
            "not-begun" to log(null, refusals = listOf(LoggedRefusal(Moment.START, "RUNTIME-LOAD", "it is damaged"))),
            "no-artifact" to log(bundle = LoggedBundle(bundle, null), crashes = listOf(crash)),
            "refused" to log(bundle = null, refusals = listOf(LoggedRefusal(Moment.START, "x", "y".repeat(900)))),
            "crashed" to log(
                bundle = null,
                device = strange,
                crashes = listOf(Crash(CrashKind.NOT_RESPONDING, day, "", listOf("", "a\nb", "x".repeat(200)))),
            ),
            "unset-clock" to log(
                device = Device("a", "b", null, "15", Int.MAX_VALUE, "x86", emptyList(), Int.MAX_VALUE, Long.MAX_VALUE),
                crashes = listOf(LocalDate.MIN, day, LocalDate.MAX).map { Crash(CrashKind.NATIVE, it, "", listOf()) },
                day = LocalDate.of(-1, 1, 1),
            ),
        )
        val folder = File("target/field-logs").apply { deleteRecursively() }.apply { mkdirs() }
        for ((name, text) in logs) folder.resolve("$name.json").writeText(checkNotNull(text))
    }

    @Test
    fun namesAreWordsOnOneLine() {
        fun model(name: String): String = parse(log(device = device(name)))["device"]["model"].text()
        assertEquals("unknown", model(" \n"))
        assertEquals("a b", model("a\u0007b"))
        assertEquals("a b", model("a\u2028b"))
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
        val none = listOf(doubleArrayOf(), doubleArrayOf(-1.0), doubleArrayOf(Double.NaN))
        for (times in none) assertThrows<IllegalArgumentException> { Latency.of(1.0, 2.0, times) }
    }

    private companion object {
        val KEYS = listOf("during", "code", "reason")
    }
}
