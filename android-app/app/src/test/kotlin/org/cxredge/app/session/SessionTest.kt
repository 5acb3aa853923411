package org.cxredge.app.session

import org.cxredge.app.Fixtures
import org.cxredge.app.OnnxRuntime
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelVersion
import org.cxredge.core.film.Colour
import org.cxredge.core.film.InputSpec
import org.cxredge.core.film.JpegDecoder
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
import java.util.concurrent.CountDownLatch
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

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
    private val film = FilmRequest(Fixtures.films[0].path, Colour.REFUSE)
    private val other = FilmRequest(Fixtures.films[1].path, Colour.REFUSE)
    private val noJpeg = JpegDecoder { throw Refusal("IMG-FORMAT", "there is no JPEG here", "use PNG") }

    @Test
    fun aFilmWaitsForTheVerdict() {
        val session = session()
        session.analyse(film)
        session.start()
        assertTrue(session.film is FilmState.Waiting)
        run { session.film is FilmState.Done }
        assertTrue(session.verdict is Verdict.Passed)
        assertEquals(mapOf("phantom" to ModelVersion(1, 0, 0)), versions.known)
    }

    @Test
    fun stepsAreReportedInTheirOrder() {
        val session = session()
        val seen = mutableListOf<Step>()
        session.listen { (session.verdict as? Verdict.Checking)?.let { seen.add(it.step) } }
        session.start()
        run { session.verdict is Verdict.Passed }
        assertEquals(Step.entries, seen.distinct())
        assertEquals(seen.sorted(), seen)
    }

    @Test
    fun aVersionThatFailsItsSelfTestIsNotAccepted() {
        val session = session(runtime = OnnxRuntime(wrong = 3f))
        session.start()
        run { session.verdict is Verdict.Failed }
        assertTrue(versions.known.isEmpty())
        session.analyse(film)
        session.measure(1)
        assertTrue(session.film is FilmState.Waiting)
        assertEquals(BenchmarkState.Idle, session.benchmark)
    }

    @Test
    fun onceThereIsStorageTheModelIsCheckedAgain() {
        val place = temporary.newFile()
        val session = session(models = File(place, "models"))
        session.start()
        run { session.verdict is Verdict.Refused }
        place.delete()
        session.start()
        assertTrue("start alone does not check again", session.verdict is Verdict.Refused)
        session.retry()
        run { session.verdict is Verdict.Passed }
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
        session.listen { seen.add(session.film) }
        session.start()
        session.analyse(film)
        run { opened.count == 0L }
        session.analyse(other)
        chosen.countDown()
        run { session.film is FilmState.Done }
        assertEquals(other, (session.film as FilmState.Done).request)
        assertEquals(listOf(other), seen.filterIsInstance<FilmState.Done>().map { it.request }.distinct())
    }

    @Test
    fun theSameFilmIsNotStartedAgain() {
        val session = session()
        session.start()
        session.analyse(film)
        run { session.film is FilmState.Done }
        val done = session.film
        session.analyse(film)
        assertSame(done, session.film)
        session.analyse(film.copy(colour = Colour.TO_GREY))
        assertNotEquals(done, session.film)
        run { session.film is FilmState.Done }
    }

    @Test
    fun whateverARunnerThrowsIsARefusal() {
        val session = session(runtime = Breaking)
        session.start()
        run { session.verdict is Verdict.Refused }
        assertEquals("APP-UNEXPECTED", (session.verdict as Verdict.Refused).refusal.code)
    }

    @Test
    fun aBenchmarkTellsAllItsRuns() {
        val session = session()
        session.start()
        run { session.verdict is Verdict.Passed }
        session.measure(1)
        run { session.benchmark is BenchmarkState.Done }
        val benchmark = (session.benchmark as BenchmarkState.Done).benchmark
        assertSame(benchmark, session.measured)
        assertEquals(1, benchmark.threads)
        assertEquals(BenchmarkRun.RUNS - BenchmarkRun.WARM_UP, benchmark.latency.runs)
        assertTrue(benchmark.latency.p50Ms <= benchmark.latency.p90Ms)
        assertEquals("cool", benchmark.thermalBefore)
    }

    @Test
    fun aCancelledBenchmarkLeavesNothing() {
        val session = session()
        session.start()
        run { session.verdict is Verdict.Passed }
        session.measure(1)
        session.cancelMeasuring()
        assertEquals(BenchmarkState.Idle, session.benchmark)
        session.analyse(film) // on the same thread: it is done when the benchmark has ended
        run { session.film is FilmState.Done }
        assertEquals(BenchmarkState.Idle, session.benchmark)
        assertNull(session.measured)
    }

    private fun session(
        runtime: ModelRuntime = OnnxRuntime(),
        models: File = temporary.newFolder(),
        reader: FilmReader = FilmReader { address, _ -> File(address).readBytes() },
    ): Session {
        val services = Services(Fixtures.folder(), Fixtures::keys, { runtime }, versions, models, noJpeg)
        return Session(services, reader, { "cool" }, Worker { main.put(it) }).also { last = it }
    }

    private fun run(condition: () -> Boolean) {
        val end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1)
        while (!condition()) {
            check(System.nanoTime() < end) { "nothing came of it: ${(last?.verdict as? Verdict.Refused)?.refusal}" }
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
