package org.cxredge.app.session

import org.cxredge.core.log.Benchmark
import org.cxredge.core.log.Crash

/** What happens to a session: what people ask for, and what the worker tells. */
sealed interface SessionEvent {
    /** The app is there. */
    data object Started : SessionEvent

    /** Somebody wants another check after a failure, for example once storage was freed. */
    data object Retried : SessionEvent

    data class CrashesFound(val crashes: List<Crash>) : SessionEvent

    data class CheckStepped(val step: Verdict.Checking) : SessionEvent

    data class CheckDone(val checked: Checked) : SessionEvent

    data class CheckFailed(val failure: Failure) : SessionEvent

    data class FilmChosen(val request: FilmRequest) : SessionEvent

    data class FilmStepped(val request: FilmRequest, val stage: FilmStage) : SessionEvent

    data class FilmDone(val request: FilmRequest, val result: FilmResult) : SessionEvent

    data class FilmFailed(val request: FilmRequest, val failure: Failure) : SessionEvent

    data object FilmLeft : SessionEvent

    data class MeasuringAsked(val threads: Int) : SessionEvent

    data class MeasuringStepped(val done: Int) : SessionEvent

    data class MeasuringDone(val benchmark: Benchmark) : SessionEvent

    data class MeasuringFailed(val failure: Failure) : SessionEvent

    data object MeasuringCancelled : SessionEvent
}
