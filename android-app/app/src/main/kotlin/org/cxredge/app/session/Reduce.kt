package org.cxredge.app.session

import org.cxredge.core.log.Crash
import org.cxredge.core.log.LoggedRefusal
import org.cxredge.core.log.Moment

/**
 * What the session knows after [event]. It starts nothing and asks nobody; an event that comes too late, or that does
 * not fit, changes nothing.
 */
fun reduce(state: SessionState, event: SessionEvent): SessionState = when (event) {
    SessionEvent.Started -> if (state.verdict == Verdict.Unchecked) state.checking() else state
    SessionEvent.Retried -> when (state.verdict) {
        is Verdict.Refused, is Verdict.Failed -> state.checking()
        else -> state
    }
    is SessionEvent.CrashesFound -> state.copy(crashes = newest(event.crashes + state.crashes))
    is SessionEvent.CheckStepped -> state.whileChecking { state.copy(verdict = event.step) }
    is SessionEvent.CheckDone -> state.whileChecking {
        val passed = event.checked.selfTest.passed
        state.copy(verdict = if (passed) Verdict.Passed(event.checked) else Verdict.Failed(event.checked)).ready()
    }
    is SessionEvent.CheckFailed -> state.whileChecking {
        val refused = Verdict.Refused(event.failure.refusal, state.tried)
        state.copy(verdict = refused).with(event.failure, Moment.START)
    }
    is SessionEvent.FilmChosen ->
        if (event.request == state.film.request) state else state.copy(film = FilmState.Waiting(event.request)).ready()
    is SessionEvent.FilmStepped ->
        state.whileWorking(event.request) { state.copy(film = FilmState.Working(event.request, event.stage)) }
    is SessionEvent.FilmDone ->
        state.whileWorking(event.request) { state.copy(film = FilmState.Done(event.request, event.result)) }
    is SessionEvent.FilmFailed -> state.whileWorking(event.request) {
        state.copy(film = FilmState.Refused(event.request, event.failure.refusal)).with(event.failure, Moment.FILM)
    }
    SessionEvent.FilmLeft -> state.copy(film = FilmState.None)
    is SessionEvent.MeasuringAsked -> {
        val may = state.verdict is Verdict.Passed && state.benchmark !is BenchmarkState.Running
        if (may) state.copy(benchmark = BenchmarkState.Running(event.threads, 0, BenchmarkRun.RUNS)) else state
    }
    is SessionEvent.MeasuringStepped -> state.whileMeasuring { state.copy(benchmark = it.copy(done = event.done)) }
    is SessionEvent.MeasuringDone -> state.whileMeasuring {
        state.copy(benchmark = BenchmarkState.Done(event.benchmark), measured = event.benchmark)
    }
    is SessionEvent.MeasuringFailed -> state.whileMeasuring {
        state.copy(benchmark = BenchmarkState.Refused(event.failure.refusal)).with(event.failure, Moment.BENCHMARK)
    }
    SessionEvent.MeasuringCancelled -> state.whileMeasuring { state.copy(benchmark = BenchmarkState.Idle) }
}

private fun SessionState.checking(): SessionState = copy(verdict = Verdict.Checking(Step.BUNDLE))

/** A film that waits is begun as soon as the verdict allows it. */
private fun SessionState.ready(): SessionState {
    val waiting = film as? FilmState.Waiting ?: return this
    return if (verdict is Verdict.Passed) copy(film = FilmState.Working(waiting.request, FilmStage.READING)) else this
}

/** What was foreseen is a refusal, what was not is a crash: never both. */
private fun SessionState.with(failure: Failure, during: Moment): SessionState {
    val crash: Crash = failure.crash
        ?: return copy(refusals = newest(refusals + LoggedRefusal.of(failure.refusal, during)))
    return copy(crashes = newest(crashes + crash))
}

private fun <T> newest(all: List<T>): List<T> = all.takeLast(SessionState.MOST)

private inline fun SessionState.whileChecking(next: () -> SessionState): SessionState =
    if (verdict is Verdict.Checking) next() else this

private inline fun SessionState.whileWorking(request: FilmRequest, next: () -> SessionState): SessionState =
    if ((film as? FilmState.Working)?.request == request) next() else this

private inline fun SessionState.whileMeasuring(next: (BenchmarkState.Running) -> SessionState): SessionState =
    (benchmark as? BenchmarkState.Running)?.let(next) ?: this
