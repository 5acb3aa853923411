package org.cxredge.app.session

import java.time.LocalDate

/**
 * Holds the [SessionState], starts the jobs that a change of it asks for, and tells screens. It belongs to the process,
 * so a turned screen finds everything as it was.
 *
 * To be used on the main thread only: every call from elsewhere throws IllegalStateException at once.
 */
class Session(
    private val services: Services,
    private val reader: FilmReader,
    private val thermal: () -> String,
    private val worker: Worker,
) {
    private var current = SessionState()
    private val listeners: MutableSet<() -> Unit> = LinkedHashSet()
    private var filmJob: Job? = null
    private var benchmarkJob: Job? = null

    val state: SessionState
        get() {
            worker.main.check()
            return current
        }

    fun listen(listener: () -> Unit) {
        worker.main.check()
        listeners.add(listener)
    }

    fun unlisten(listener: () -> Unit) {
        worker.main.check()
        listeners.remove(listener)
    }

    /** Checks the bundle and runs the self-test, unless that is done or under way. */
    fun start() = dispatch(SessionEvent.Started)

    /** Checks again after a failure, for example once storage was freed. */
    fun retry() = dispatch(SessionEvent.Retried)

    /** Analyses a film once the verdict allows it. The same film again is not started again. */
    fun analyse(request: FilmRequest) = dispatch(SessionEvent.FilmChosen(request))

    /** Forgets the film, and gives up what is still being done with it. */
    fun leaveFilm() = dispatch(SessionEvent.FilmLeft)

    /** Measures with [threads]; only a model that passed its self-test is measured. */
    fun measure(threads: Int) = dispatch(SessionEvent.MeasuringAsked(threads))

    fun cancelMeasuring() = dispatch(SessionEvent.MeasuringCancelled)

    private fun dispatch(event: SessionEvent) {
        worker.main.check()
        val before = current
        current = reduce(before, event)
        if (current == before) return
        follow(before, current)
        listeners.toList().forEach { it() }
    }

    /** Starts and gives up jobs, as the change from [before] to [after] asks. */
    private fun follow(before: SessionState, after: SessionState) {
        if (after.verdict is Verdict.Checking && before.verdict !is Verdict.Checking) {
            if (before.verdict == Verdict.Unchecked) findCrashes()
            check(before.checked)
        }
        if (after.film.request != before.film.request) filmJob?.cancel()
        val film = after.film
        if (film is FilmState.Working && !(before.film is FilmState.Working && before.film.request == film.request)) {
            if (after.verdict is Verdict.Passed) analyse(film.request, after.verdict.checked)
        }
        val running = after.benchmark as? BenchmarkState.Running
        if (running == null) benchmarkJob?.cancel()
        if (running != null && before.benchmark !is BenchmarkState.Running) {
            if (after.verdict is Verdict.Passed) measure(running.threads, after.verdict.checked)
        }
    }

    private fun findCrashes() {
        worker.start({ services.crashes() }) { result ->
            dispatch(SessionEvent.CrashesFound(result.getOrElse { listOfNotNull(failure(it).crash) }))
        }
    }

    /** [old]: what an earlier check left open. */
    private fun check(old: Checked?) {
        worker.start({ job ->
            old?.classifier?.close()
            StartUp(services).run(job) { step -> worker.tell(job) { dispatch(SessionEvent.CheckStepped(step)) } }
        }) { result ->
            dispatch(result.fold({ SessionEvent.CheckDone(it) }, { SessionEvent.CheckFailed(failure(it)) }))
        }
    }

    private fun analyse(request: FilmRequest, checked: Checked) {
        filmJob = worker.start({ job ->
            Analysis(checked, reader).run(request, job) { stage ->
                worker.tell(job) { dispatch(SessionEvent.FilmStepped(request, stage)) }
            }
        }) { result ->
            dispatch(
                result.fold({ SessionEvent.FilmDone(request, it) }, { SessionEvent.FilmFailed(request, failure(it)) }),
            )
        }
    }

    private fun measure(threads: Int, checked: Checked) {
        benchmarkJob = worker.start({ job ->
            BenchmarkRun(services, checked, thermal).run(threads, job) { done ->
                worker.tell(job) { dispatch(SessionEvent.MeasuringStepped(done)) }
            }
        }) { result ->
            dispatch(result.fold({ SessionEvent.MeasuringDone(it) }, { SessionEvent.MeasuringFailed(failure(it)) }))
        }
    }

    private fun failure(error: Throwable): Failure = Failure.of(error, LocalDate.now())
}
