package org.cxredge.core.log

import org.cxredge.core.Refusal
import java.time.LocalDate

/** What an app was doing when it refused something. */
enum class Moment { START, FILM, BENCHMARK }

/** The app said no. [reason]: in English; that of a film is never logged, because it might quote the film. */
class LoggedRefusal(val during: Moment, val code: String, val reason: String) {
    companion object {
        fun of(refusal: Refusal, during: Moment): LoggedRefusal = LoggedRefusal(during, refusal.code, refusal.reason)
    }
}

/** How the app ended without being asked to. */
enum class CrashKind(
    /** In the field log. */
    val word: String,
) {
    EXCEPTION("exception"),
    NATIVE("native"),
    NOT_RESPONDING("not-responding"),
    MEMORY("memory"),
}

/**
 * The app ended without being asked to. [what]: class of the exception, or name of the signal; never a message, which
 * might quote a film. [at]: functions and lines, innermost first.
 */
class Crash(val kind: CrashKind, val on: LocalDate, val what: String, val at: List<String>) {
    companion object {
        /** [error]: what nobody caught. */
        fun of(error: Throwable, on: LocalDate): Crash {
            val kind = if (error is OutOfMemoryError) CrashKind.MEMORY else CrashKind.EXCEPTION
            // the end of a long name says more than its beginning
            val frames = error.stackTrace.take(FieldLog.MAX_FRAMES)
                .map { "${it.className}.${it.methodName}:${it.lineNumber}".takeLast(FieldLog.MAX_WORD) }
            return Crash(kind, on, error.javaClass.name.takeLast(FieldLog.MAX_WORD), frames)
        }
    }
}
