package org.cxredge.app.session

import org.cxredge.core.Refusal
import org.cxredge.core.log.Crash
import java.time.LocalDate

/** Why a job came to nothing. [refusal]: what people are told. [crash]: for the field log, where nobody foresaw it. */
data class Failure(val refusal: Refusal, val crash: Crash?) {
    companion object {
        fun of(error: Throwable, on: LocalDate): Failure = when (error) {
            is Refusal -> Failure(error, null)
            is OutOfMemoryError ->
                Failure(Refusal("MEMORY-LOW", "the phone's memory for this app is full", "close other apps"), null)
            else -> Failure(
                Refusal("APP-UNEXPECTED", error.toString(), "send the field log to the app's makers", error),
                Crash.of(innermost(error), on),
            )
        }

        /** What began it: the system wraps what a screen throws, and its own frames say nothing. */
        fun innermost(error: Throwable): Throwable =
            generateSequence(error) { it.cause }.take(DEEPEST).last()

        /** Causes may go round in a circle. */
        private const val DEEPEST = 16
    }
}
