package org.cxredge.app.session

import org.cxredge.app.Fixtures
import org.cxredge.app.OnnxRuntime
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelVersion
import org.cxredge.core.film.Colour
import org.cxredge.core.film.InputSpec
import org.cxredge.core.film.JpegDecoder
import org.cxredge.core.log.Crash
import org.cxredge.core.log.CrashKind
import org.cxredge.core.log.Moment
import org.cxredge.core.model.ModelRunner
import org.cxredge.core.model.ModelRuntime
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import java.io.File
import java.lang.reflect.Modifier
import java.time.LocalDate
import java.util.concurrent.CountDownLatch
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/** The session without Android: this thread is its main thread. */
class SessionTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val main = LinkedBlockingQueue<Runnable>()
    private val versions = object : AcceptedVersions {
        val known = mutableMapOf<String, ModelVersion>()

        override fun newest(): Map<String, ModelVersion> = known.toMap()

        override fun accept(name: String, version: ModelVersion) {
            known[name] = version
        }
    }
    private var last: Session? = null
    private val earlier = listOf(Crash(CrashKind.NATIVE, LocalDate.of(2026, 11, 25), "SIGSEGV", emptyList()))
    private val film = FilmRequest(Fixtures.films[0].path, Colour.REFUSE)
    private val other = FilmRequest(Fixtures.films[1].path, Colour.REFUSE)
    private val noJpeg = JpegDecoder { throw Refusal("IMG-FORMAT", "there is no JPEG here", "use PNG") }

    @Test
    fun aFilmWaitsForTheVerdict() {
        val session = session()
        session.analyse(film)
        session.start()
        assertTrue(session.state.film is FilmState.Waiting)
        run { session.state.film is FilmState.Done }
        assertTrue(session.state.verdict is Verdict.Passed)
        assertEquals(mapOf("phantom" to ModelVersion(1, 0, 0)), versions.known)
    }

    @Test
    fun stepsAreReportedInTheirOrder() {
        val session = session()
        val seen = mutableListOf<Step>()
        session.listen { (session.state.verdict as? Verdict.Checking)?.let { seen.add(it.step) } }
        session.start()
        run { session.state.verdict is Verdict.Passed }
        assertEquals(Step.entries, seen.distinct())
        assertEquals(seen.sorted(), seen)
    }

    @Test
    fun aVersionThatFailsItsSelfTestIsNotAccepted() {
        val session = session(runtime = OnnxRuntime(wrong = 3f))
        session.start()
        run { session.state.verdict is Verdict.Failed }
        assertTrue(versions.known.isEmpty())
        session.analyse(film)
        session.measure(1)
        assertTrue(session.state.film is FilmState.Waiting)
        assertEquals(BenchmarkState.Idle, session.state.benchmark)
    }

    @Test
    fun onceThereIsStorageTheModelIsCheckedAgain() {
        val place = temporary.newFile()
        val session = session(models = File(place, "models"))
        session.start()
        run { session.state.verdict is Verdict.Refused }
        place.delete()
        session.start()
        assertTrue("start alone does not check again", session.state.verdict is Verdict.Refused)
        session.retry()
        run { session.state.verdict is Verdict.Passed }
    }

    @Test
    fun aFilmChosenLaterTakesThePlaceOfTheFirst() {
        val opened = CountDownLatch(1)
        val chosen = CountDownLatch(1)
        val session = session(
            reader = { address, _ ->
                if (address == film.address) {
                    opened.countDown()
                    chosen.await()
                }
                File(address).readBytes()
            },
        )
        val seen = mutableListOf<FilmState>()
        session.listen { seen.add(session.state.film) }
        session.start()
        session.analyse(film)
        run { opened.count == 0L }
        session.analyse(other)
        chosen.countDown()
        run { session.state.film is FilmState.Done }
        assertEquals(other, (session.state.film as FilmState.Done).request)
        assertEquals(listOf(other), seen.filterIsInstance<FilmState.Done>().map { it.request }.distinct())
    }

    @Test
    fun theSameFilmIsNotStartedAgain() {
        val session = session()
        session.start()
        session.analyse(film)
        run { session.state.film is FilmState.Done }
        val done = session.state.film
        session.analyse(film)
        assertSame(done, session.state.film)
        session.analyse(film.copy(colour = Colour.TO_GREY))
        assertNotEquals(done, session.state.film)
        run { session.state.film is FilmState.Done }
    }

    @Test
    fun whateverARunnerThrowsIsARefusal() {
        val session = session(runtime = Breaking)
        session.start()
        run { session.state.verdict is Verdict.Refused }
        val refused = session.state.verdict as Verdict.Refused
        assertEquals("APP-UNEXPECTED", refused.refusal.code)
        assertEquals("phantom", refused.tried.bundle?.manifest?.model?.name)
        assertEquals("onnx/w8a8", refused.tried.artifact?.name)
        val crash = session.state.crashes.last()
        assertEquals("java.lang.IllegalStateException", crash.what)
        assertTrue(crash.at[0], crash.at[0].startsWith("org.cxredge.app.session.SessionTest\$Breaking.open:"))
        assertTrue("a crash is no refusal too", session.state.refusals.isEmpty())
    }

    @Test
    fun crashesOfEarlierRunsAreThereBeforeTheVerdict() {
        val session = session()
        session.start()
        run { session.state.crashes.isNotEmpty() }
        assertTrue(session.state.verdict is Verdict.Checking)
        assertEquals(earlier, session.state.crashes)
        run { session.state.verdict is Verdict.Passed }
        assertEquals(earlier, session.state.crashes)
    }

    @Test
    fun whatIsRefusedIsKeptForTheLog() {
        val session = session(reader = { _, _ -> throw Refusal("FILM-ACCESS", "names a person", "choose again") })
        session.start()
        session.analyse(film)
        run { session.state.film is FilmState.Refused }
        assertEquals(listOf(Moment.FILM to "FILM-ACCESS"), session.state.refusals.map { it.during to it.code })
        assertEquals(earlier, session.state.crashes)
    }

    @Test
    fun everyEntryBelongsToTheMainThread() {
        val session = session()
        val entries = mapOf<String, () -> Unit>(
            "getState" to { session.state },
            "listen" to { session.listen {} },
            "unlisten" to { session.unlisten {} },
            "start" to { session.start() },
            "retry" to { session.retry() },
            "analyse" to { session.analyse(film) },
            "leaveFilm" to { session.leaveFilm() },
            "measure" to { session.measure(1) },
            "cancelMeasuring" to { session.cancelMeasuring() },
        )
        val public = Session::class.java.declaredMethods.filter { Modifier.isPublic(it.modifiers) && !it.isSynthetic }
        assertEquals(public.map { it.name }.toSet(), entries.keys)
        for ((name, entry) in entries) {
            var thrown: Throwable? = null
            thread(name = "elsewhere") { thrown = runCatching(entry).exceptionOrNull() }.join()
            assertTrue(name, thrown is IllegalStateException)
            assertTrue(name, thrown?.message.orEmpty().contains("elsewhere"))
        }
        assertEquals("nothing of it counted", SessionState(), session.state)
        assertTrue(main.isEmpty())
        for (entry in entries.values) entry()
    }

    @Test
    fun aBenchmarkTellsAllItsRuns() {
        val session = session()
        session.start()
        run { session.state.verdict is Verdict.Passed }
        session.measure(1)
        run { session.state.benchmark is BenchmarkState.Done }
        val benchmark = (session.state.benchmark as BenchmarkState.Done).benchmark
        assertSame(benchmark, session.state.measured)
        assertEquals(1, benchmark.threads)
        assertEquals(BenchmarkRun.RUNS - BenchmarkRun.WARM_UP, benchmark.latency.runs)
        assertTrue(benchmark.latency.p50Ms <= benchmark.latency.p90Ms)
        assertEquals("cool", benchmark.thermalBefore)
    }

    @Test
    fun aCancelledBenchmarkLeavesNothing() {
        val session = session()
        session.start()
        run { session.state.verdict is Verdict.Passed }
        session.measure(1)
        session.cancelMeasuring()
        assertEquals(BenchmarkState.Idle, session.state.benchmark)
        session.analyse(film) // on the same thread: it is done when the benchmark has ended
        run { session.state.film is FilmState.Done }
        assertEquals(BenchmarkState.Idle, session.state.benchmark)
        assertNull(session.state.measured)
    }

    private fun session(
        runtime: ModelRuntime = OnnxRuntime(),
        models: File = temporary.newFolder(),
        reader: FilmReader = FilmReader { address, _ -> File(address).readBytes() },
    ): Session {
        val services =
            Services(Fixtures.findings.folder(), Fixtures::keys, { runtime }, versions, models, noJpeg, { earlier })
        val worker = Worker(MainThread(Thread.currentThread()) { main.put(it) })
        return Session(services, reader, { "cool" }, worker).also { last = it }
    }

    private fun run(condition: () -> Boolean) {
        val end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1)
        while (!condition()) {
            check(System.nanoTime() < end) { "nothing came of it: ${(last?.state?.verdict as? Verdict.Refused)?.refusal}" }
            main.poll(5, TimeUnit.MILLISECONDS)?.run()
        }
    }

    private object Breaking : ModelRuntime {
        override val target: String = "onnx"
        override val name: String = "a runtime with a fault"

        override fun open(model: File, artifact: Artifact, input: InputSpec, threads: Int): ModelRunner =
            error("a fault")
    }
}
