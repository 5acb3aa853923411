package org.cxredge.app.session

import org.cxredge.app.Fixtures
import org.cxredge.app.OnnxRuntime
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.Trust
import org.cxredge.core.film.Colour
import org.cxredge.core.film.JpegDecoder
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.log.Benchmark
import org.cxredge.core.log.Crash
import org.cxredge.core.log.CrashKind
import org.cxredge.core.log.Latency
import org.cxredge.core.log.Moment
import org.cxredge.core.model.Classifier
import org.cxredge.core.selftest.SelfTestResult
import org.cxredge.core.selftest.Stage
import org.cxredge.core.selftest.StageVerdict
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File
import java.time.LocalDate

/** Every event in every state: parts are combined freely, those that no session comes to as well. */
class ReduceTest {
    private val verdicts = listOf(
        Verdict.Unchecked,
        Verdict.Checking(Step.MODEL, Tried(passed.bundle)),
        Verdict.Refused(refusal, Tried(passed.bundle)),
        Verdict.Failed(failed),
        Verdict.Passed(passed),
    )
    private val films = listOf(
        FilmState.None,
        FilmState.Waiting(film),
        FilmState.Working(film, FilmStage.READING),
        FilmState.Done(film, result),
        FilmState.Refused(film, refusal),
    )
    private val benchmarks = listOf(
        BenchmarkState.Idle,
        BenchmarkState.Running(2, 1, BenchmarkRun.RUNS),
        BenchmarkState.Done(benchmark),
        BenchmarkState.Refused(refusal),
    )
    private val states = verdicts.flatMap { verdict ->
        films.flatMap { film -> benchmarks.map { SessionState(verdict, film, it, benchmark, crashes = listOf(crash)) } }
    }

    /** Each with what it may change: verdict, film, benchmark, measured, refusals, crashes. */
    private val events: Map<SessionEvent, Set<String>> = mapOf(
        SessionEvent.Started to setOf("verdict"),
        SessionEvent.Retried to setOf("verdict"),
        SessionEvent.CrashesFound(listOf(other)) to setOf("crashes"),
        SessionEvent.CheckStepped(Verdict.Checking(Step.SELF_TEST, Tried(), 1, 4)) to setOf("verdict"),
        SessionEvent.CheckDone(passed) to setOf("verdict", "film"),
        SessionEvent.CheckDone(failed) to setOf("verdict"),
        SessionEvent.CheckFailed(foreseen) to setOf("verdict", "refusals"),
        SessionEvent.CheckFailed(unforeseen) to setOf("verdict", "crashes"),
        SessionEvent.FilmChosen(film) to setOf("film"),
        SessionEvent.FilmChosen(another) to setOf("film"),
        SessionEvent.FilmStepped(film, FilmStage.INFERENCE) to setOf("film"),
        SessionEvent.FilmStepped(another, FilmStage.INFERENCE) to emptySet(),
        SessionEvent.FilmDone(film, result) to setOf("film"),
        SessionEvent.FilmDone(another, result) to emptySet(),
        SessionEvent.FilmFailed(film, foreseen) to setOf("film", "refusals"),
        SessionEvent.FilmFailed(film, unforeseen) to setOf("film", "crashes"),
        SessionEvent.FilmFailed(another, foreseen) to emptySet(),
        SessionEvent.FilmLeft to setOf("film"),
        SessionEvent.MeasuringAsked(4) to setOf("benchmark"),
        SessionEvent.MeasuringStepped(7) to setOf("benchmark"),
        SessionEvent.MeasuringDone(faster) to setOf("benchmark", "measured"),
        SessionEvent.MeasuringFailed(foreseen) to setOf("benchmark", "refusals"),
        SessionEvent.MeasuringFailed(unforeseen) to setOf("benchmark", "crashes"),
        SessionEvent.MeasuringCancelled to setOf("benchmark"),
    )

    @Test
    fun theEventsAreAllThere() {
        val kinds = SessionEvent::class.java.declaredClasses.map { it.simpleName }.toSet()
        assertEquals(kinds, events.keys.map { it.javaClass.simpleName }.toSet())
    }

    @Test
    fun anEventChangesItsOwnPartsOnly() {
        val seen = HashMap<SessionEvent, MutableSet<String>>()
        for (state in states) {
            for ((event, own) in events) {
                val after = reduce(state, event)
                val changed = parts(state).filter { (name, value) -> parts(after).getValue(name) != value }.keys
                assertTrue("$event in ${kinds(state)} changes $changed", own.containsAll(changed))
                seen.getOrPut(event, ::mutableSetOf).addAll(changed)
            }
        }
        assertEquals("what an event may change, it does in some state", events, seen)
    }

    @Test
    fun verdicts() {
        val expected = mapOf(
            SessionEvent.Started to mapOf("Unchecked" to "Checking"),
            SessionEvent.Retried to mapOf("Refused" to "Checking", "Failed" to "Checking"),
            SessionEvent.CheckDone(passed) to mapOf("Checking" to "Passed"),
            SessionEvent.CheckDone(failed) to mapOf("Checking" to "Failed"),
            SessionEvent.CheckFailed(foreseen) to mapOf("Checking" to "Refused"),
            SessionEvent.CheckFailed(unforeseen) to mapOf("Checking" to "Refused"),
        )
        for (state in states) {
            for (event in events.keys) {
                val from = state.verdict.javaClass.simpleName
                val to = expected[event]?.get(from) ?: from
                assertEquals("$event", to, reduce(state, event).verdict.javaClass.simpleName)
            }
        }
        val checking = SessionState(verdicts[1])
        val step = Verdict.Checking(Step.SELF_TEST, Tried(), 1, 4)
        assertEquals(step, reduce(checking, SessionEvent.CheckStepped(step)).verdict)
        val refused = reduce(checking, SessionEvent.CheckFailed(foreseen)).verdict as Verdict.Refused
        assertEquals("how far it came is kept", Tried(passed.bundle), refused.tried)
        val again = reduce(SessionState(refused), SessionEvent.Retried)
        assertEquals("a new check has come to nothing yet", Tried(), again.tried)
    }

    @Test
    fun films() {
        for (state in states) {
            val passes = state.verdict is Verdict.Passed
            val begun = if (passes) "Working" else "Waiting"
            val from = kinds(state)[1]
            val working = from == "Working"
            val known = state.film.request == film
            val expected = mapOf(
                SessionEvent.FilmChosen(film) to if (known) from else begun,
                SessionEvent.FilmChosen(another) to begun,
                SessionEvent.FilmDone(film, result) to if (working) "Done" else from,
                SessionEvent.FilmFailed(film, foreseen) to if (working) "Refused" else from,
                SessionEvent.FilmFailed(film, unforeseen) to if (working) "Refused" else from,
                SessionEvent.FilmLeft to "None",
                SessionEvent.CheckDone(passed) to
                    if (state.verdict is Verdict.Checking && from == "Waiting") "Working" else from,
            )
            for (event in events.keys) {
                assertEquals("$event in ${kinds(state)}", expected[event] ?: from, kinds(reduce(state, event))[1])
            }
            assertEquals(another, reduce(state, SessionEvent.FilmChosen(another)).film.request)
            if (known) assertSame(state.film, reduce(state, SessionEvent.FilmChosen(film)).film)
        }
        val working = SessionState(Verdict.Passed(passed), films[2])
        val stepped = reduce(working, SessionEvent.FilmStepped(film, FilmStage.INFERENCE)).film
        assertEquals(FilmState.Working(film, FilmStage.INFERENCE), stepped)
        assertEquals(FilmState.Done(film, result), reduce(working, SessionEvent.FilmDone(film, result)).film)
        assertEquals(FilmState.Refused(film, refusal), reduce(working, SessionEvent.FilmFailed(film, foreseen)).film)
    }

    @Test
    fun benchmarks() {
        for (state in states) {
            val from = kinds(state)[2]
            val running = from == "Running"
            val may = state.verdict is Verdict.Passed && !running
            val expected = mapOf(
                SessionEvent.MeasuringAsked(4) to if (may) "Running" else from,
                SessionEvent.MeasuringDone(faster) to if (running) "Done" else from,
                SessionEvent.MeasuringFailed(foreseen) to if (running) "Refused" else from,
                SessionEvent.MeasuringFailed(unforeseen) to if (running) "Refused" else from,
                SessionEvent.MeasuringCancelled to if (running) "Idle" else from,
            )
            for (event in events.keys) {
                assertEquals("$event in ${kinds(state)}", expected[event] ?: from, kinds(reduce(state, event))[2])
            }
        }
        val ready = SessionState(Verdict.Passed(passed))
        val asked = reduce(ready, SessionEvent.MeasuringAsked(4))
        assertEquals(BenchmarkState.Running(4, 0, BenchmarkRun.RUNS), asked.benchmark)
        val stepped = reduce(asked, SessionEvent.MeasuringStepped(7))
        assertEquals(BenchmarkState.Running(4, 7, BenchmarkRun.RUNS), stepped.benchmark)
        val done = reduce(stepped, SessionEvent.MeasuringDone(faster))
        assertSame(faster, done.measured)
        val cancelled = reduce(reduce(done, SessionEvent.MeasuringAsked(1)), SessionEvent.MeasuringCancelled)
        assertSame("the last one that ran to its end", faster, cancelled.measured)
        assertNull(ready.measured)
    }

    @Test
    fun noSessionComesToWhatItMustNot() {
        val seen = HashSet<List<String>>()
        val open = ArrayDeque(listOf(SessionState()))
        while (open.isNotEmpty()) {
            val state = open.removeFirst()
            if (!seen.add(kinds(state))) continue
            val passes = state.verdict is Verdict.Passed
            assertTrue("${kinds(state)}", passes || state.film is FilmState.None || state.film is FilmState.Waiting)
            assertTrue("${kinds(state)}", passes || state.benchmark == BenchmarkState.Idle && state.measured == null)
            assertTrue("a film that may be begun waits", !(passes && state.film is FilmState.Waiting))
            events.keys.mapTo(open) { reduce(state, it) }
        }
        // four verdicts without a film or with one that waits, and after the fifth any film with any benchmark
        assertEquals(4 * 2 + 4 * 4, seen.size)
    }

    @Test
    fun whatWasForeseenIsARefusalAndWhatWasNotACrash() {
        val checking = SessionState(verdicts[1])
        val working = SessionState(Verdict.Passed(passed), films[2], benchmarks[1])
        val moments = mapOf<Moment, (Failure) -> SessionState>(
            Moment.START to { reduce(checking, SessionEvent.CheckFailed(it)) },
            Moment.FILM to { reduce(working, SessionEvent.FilmFailed(film, it)) },
            Moment.BENCHMARK to { reduce(working, SessionEvent.MeasuringFailed(it)) },
        )
        assertEquals(Moment.entries.toSet(), moments.keys)
        for ((moment, fail) in moments) {
            val refused = fail(foreseen)
            assertEquals(listOf(moment to refusal.code), refused.refusals.map { it.during to it.code })
            assertTrue(refused.crashes.isEmpty())
            val crashed = fail(unforeseen)
            assertTrue(crashed.refusals.isEmpty())
            assertEquals(listOf(crash), crashed.crashes)
        }
    }

    @Test
    fun theNewestRefusalsAndCrashesAreKept() {
        var state = SessionState(Verdict.Passed(passed))
        repeat(SessionState.MOST + 5) { i ->
            val request = FilmRequest("$i", Colour.REFUSE)
            state = reduce(state, SessionEvent.FilmChosen(request))
            val code = Refusal("IMG-${"A".repeat(i % 20 + 1)}", "", "")
            state = reduce(state, SessionEvent.FilmFailed(request, Failure(code, null)))
            state = reduce(state, SessionEvent.CrashesFound(listOf(Crash(CrashKind.NATIVE, day, "$i", emptyList()))))
        }
        assertEquals(SessionState.MOST, state.refusals.size)
        assertEquals("IMG-${"A".repeat(6)}", state.refusals.first().code)
        assertEquals(SessionState.MOST, state.crashes.size)
        val late = reduce(SessionState(crashes = listOf(crash)), SessionEvent.CrashesFound(listOf(other)))
        assertEquals("what is found is older", listOf(other, crash), late.crashes)
    }

    @Test
    fun aFailureSaysWhatBeganIt() {
        val wrapped = RuntimeException("the system's words", IllegalArgumentException("a film's name"))
        val failure = Failure.of(wrapped, day)
        assertEquals("APP-UNEXPECTED", failure.refusal.code)
        assertEquals("java.lang.IllegalArgumentException", failure.crash?.what)
        assertTrue(failure.crash?.at.orEmpty().none { "film" in it })
        assertEquals(Failure(refusal, null), Failure.of(refusal, day))
        assertEquals("MEMORY-LOW", Failure.of(OutOfMemoryError(), day).refusal.code)
        assertNull(Failure.of(OutOfMemoryError(), day).crash)
        val circle = RuntimeException("one")
        circle.initCause(RuntimeException("two", circle))
        assertEquals("java.lang.RuntimeException", Failure.of(circle, day).crash?.what)
    }

    private fun parts(state: SessionState): Map<String, Any?> = mapOf(
        "verdict" to state.verdict,
        "film" to state.film,
        "benchmark" to state.benchmark,
        "measured" to state.measured,
        "refusals" to state.refusals,
        "crashes" to state.crashes,
    )

    private fun kinds(state: SessionState): List<String> =
        listOf(state.verdict, state.film, state.benchmark).map { it.javaClass.simpleName }

    private companion object {
        val day: LocalDate = LocalDate.of(2026, 11, 25)
        val crash = Crash(CrashKind.EXCEPTION, day, "java.lang.IllegalStateException", listOf("a.b:1"))
        val other = Crash(CrashKind.NATIVE, day, "SIGSEGV", emptyList())
        val refusal = Refusal("IMG-FORMAT", "no image", "choose another")
        val foreseen = Failure(refusal, null)
        val unforeseen = Failure(Refusal("APP-UNEXPECTED", "a fault", "send the log"), crash)
        val film = FilmRequest(Fixtures.films[0].path, Colour.REFUSE)
        val another = FilmRequest(Fixtures.films[1].path, Colour.REFUSE)
        val benchmark = Benchmark(2, Latency.of(1.0, 1.0, doubleArrayOf(1.0)), "none", "none")
        val faster = Benchmark(4, Latency.of(1.0, 1.0, doubleArrayOf(0.5)), "none", "light")
        val passed = checked(null)
        val failed = checked("a logit is wrong")
        val result: FilmResult =
            Analysis(passed) { address, _ -> File(address).readBytes() }.run(film, Job()) { }

        fun checked(failure: String?): Checked {
            val bundle = ModelBundle.open(Fixtures.classes.folder(), Trust(Fixtures.keys()))
            val runtime = OnnxRuntime()
            val artifact = ArtifactChoice.of(bundle.manifest, runtime)
            val input = bundle.manifest.model.input
            val model = File(Fixtures.classes.bundle, artifact.path)
            val classifier = Classifier(artifact, input, runtime.open(model, artifact, input, 1))
            val stages = Stage.entries.map { StageVerdict(it, 1, 0.0, failure.takeIf { _ -> it == Stage.RUNTIME }) }
            val preprocessor = Preprocessor(JpegDecoder { error("there is no JPEG here") })
            return Checked(bundle, artifact, runtime, preprocessor, classifier, SelfTestResult(stages, 0.1))
        }
    }
}
