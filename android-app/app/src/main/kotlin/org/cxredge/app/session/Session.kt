package org.cxredge.app.session

import org.cxredge.core.Refusal
import org.cxredge.core.log.Benchmark

/**
 * What the app knows, apart from any screen: screens draw it and are told when it changes. It belongs to the process,
 * so a turned screen finds everything as it was. To be used on the main thread only.
 */
class Session(
    private val services: Services,
    private val reader: FilmReader,
    private val thermal: () -> String,
    private val worker: Worker,
) {
    var verdict: Verdict = Verdict.Unchecked
        private set
    var film: FilmState = FilmState.None
        private set
    var benchmark: BenchmarkState = BenchmarkState.Idle
        private set

    /** The last benchmark that ran to its end. */
    var measured: Benchmark? = null
        private set

    /** The bundle in use, whatever the self-test said of it. */
    val checked: Checked?
        get() = when (val now = verdict) {
            is Verdict.Passed -> now.checked
            is Verdict.Failed -> now.checked
            else -> null
        }

    private val listeners: MutableSet<() -> Unit> = LinkedHashSet()
    private var filmJob: Job? = null
    private var benchmarkJob: Job? = null

    fun listen(listener: () -> Unit) {
        listeners.add(listener)
    }

    fun unlisten(listener: () -> Unit) {
        listeners.remove(listener)
    }

    /** Checks the bundle and runs the self-test, unless that is done or under way. */
    fun start() {
        if (verdict == Verdict.Unchecked) check()
    }

    /** Checks again after a failure, for example once storage was freed. */
    fun retry() {
        if (verdict is Verdict.Refused || verdict is Verdict.Failed) check()
    }

    private fun check() {
        checked?.classifier?.close()
        verdict = Verdict.Checking(Step.BUNDLE)
        worker.start({ job ->
            StartUp(services).run(job) { step -> worker.tell(job) { change { verdict = step } } }
        }) { result ->
            change {
                verdict = result.fold(
                    { if (it.selfTest.passed) Verdict.Passed(it) else Verdict.Failed(it) },
                    { Verdict.Refused(refusal(it)) },
                )
            }
            analyseWaiting()
        }
        changed()
    }

    /** Analyses a film once the verdict allows it. The same film again is not started again. */
    fun analyse(request: FilmRequest) {
        if (request == requested()) return
        filmJob?.cancel()
        change { film = FilmState.Waiting(request) }
        analyseWaiting()
    }

    private fun analyseWaiting() {
        val request = (film as? FilmState.Waiting)?.request ?: return
        val passed = verdict as? Verdict.Passed ?: return
        change { film = FilmState.Working(request, FilmStage.READING) }
        filmJob = worker.start({ job ->
            Analysis(passed.checked, reader).run(request, job) { stage ->
                worker.tell(job) { change { film = FilmState.Working(request, stage) } }
            }
        }) { result ->
            change {
                film = result.fold({ FilmState.Done(request, it) }, { FilmState.Refused(request, refusal(it)) })
            }
        }
    }

    private fun requested(): FilmRequest? = when (val now = film) {
        FilmState.None -> null
        is FilmState.Waiting -> now.request
        is FilmState.Working -> now.request
        is FilmState.Done -> now.request
        is FilmState.Refused -> now.request
    }

    /** Forgets the film, and gives up what is still being done with it. */
    fun leaveFilm() {
        filmJob?.cancel()
        change { film = FilmState.None }
    }

    /** Measures with [threads]; only a model that passed its self-test is measured. */
    fun measure(threads: Int) {
        val passed = verdict as? Verdict.Passed ?: return
        if (benchmark is BenchmarkState.Running) return
        change { benchmark = BenchmarkState.Running(threads, 0, BenchmarkRun.RUNS) }
        benchmarkJob = worker.start({ job ->
            BenchmarkRun(services, passed.checked, thermal).run(threads, job) { done ->
                worker.tell(job) { change { benchmark = BenchmarkState.Running(threads, done, BenchmarkRun.RUNS) } }
            }
        }) { result ->
            change {
                benchmark = result.fold(
                    { BenchmarkState.Done(it).also { done -> measured = done.benchmark } },
                    { BenchmarkState.Refused(refusal(it)) },
                )
            }
        }
    }

    fun cancelMeasuring() {
        benchmarkJob?.cancel()
        if (benchmark is BenchmarkState.Running) change { benchmark = BenchmarkState.Idle }
    }

    private fun refusal(error: Throwable): Refusal = when (error) {
        is Refusal -> error
        is OutOfMemoryError -> Refusal("MEMORY-LOW", "the phone's memory for this app is full", "close other apps")
        else -> Refusal("APP-UNEXPECTED", error.toString(), "send the details to the app's makers", error)
    }

    private fun change(action: () -> Unit) {
        action()
        changed()
    }

    private fun changed() = listeners.toList().forEach { it() }
}
