package org.cxredge.app.session

import org.cxredge.core.log.Benchmark
import org.cxredge.core.log.Crash
import org.cxredge.core.log.LoggedRefusal

/** All that the app knows, apart from any screen. It is never changed: [reduce] makes the next one. */
data class SessionState(
    val verdict: Verdict = Verdict.Unchecked,
    val film: FilmState = FilmState.None,
    val benchmark: BenchmarkState = BenchmarkState.Idle,
    /** The last benchmark that ran to its end. */
    val measured: Benchmark? = null,
    /** What was refused in this process, oldest first, [MOST] at most. */
    val refusals: List<LoggedRefusal> = emptyList(),
    /** What nobody foresaw, in earlier runs and in this one, oldest first, [MOST] at most. */
    val crashes: List<Crash> = emptyList(),
) {
    /** The bundle in use, whatever the self-test said of it. */
    val checked: Checked?
        get() = when (verdict) {
            is Verdict.Passed -> verdict.checked
            is Verdict.Failed -> verdict.checked
            else -> null
        }

    /** How far the check came, or has come until now. */
    val tried: Tried
        get() = when (verdict) {
            Verdict.Unchecked -> Tried()
            is Verdict.Checking -> verdict.tried
            is Verdict.Refused -> verdict.tried
            is Verdict.Failed -> verdict.checked.tried
            is Verdict.Passed -> verdict.checked.tried
        }

    companion object {
        /** Most refusals that are kept, and most crashes: as many as a field log holds. */
        const val MOST: Int = 32
    }
}
