package org.cxredge.app.platform

import org.cxredge.app.session.Failure
import org.cxredge.core.log.Crash
import java.time.LocalDate

/** Writes down what nobody caught, and hands it to [next], which ends the process as it would have without this. */
class CrashRecorder(private val files: CrashFiles, private val next: Thread.UncaughtExceptionHandler?) :
    Thread.UncaughtExceptionHandler {
    override fun uncaughtException(thread: Thread, error: Throwable) {
        try {
            val crash = Crash.of(Failure.innermost(error), LocalDate.now())
            files.write(TimedCrash(System.currentTimeMillis(), crash))
        } catch (_: Throwable) {
            // the phone may be out of memory or storage: the crash itself matters more than its record
        } finally {
            next?.uncaughtException(thread, error)
        }
    }

    companion object {
        /** Puts a recorder before the handler that is there. */
        fun install(files: CrashFiles) {
            val next = Thread.getDefaultUncaughtExceptionHandler()
            Thread.setDefaultUncaughtExceptionHandler(CrashRecorder(files, next))
        }
    }
}
