package org.cxredge.app.platform

import android.app.ActivityManager
import android.app.ActivityManager.RunningAppProcessInfo
import android.app.ApplicationExitInfo
import android.content.Context
import android.os.Build
import org.cxredge.core.log.Crash
import org.cxredge.core.log.CrashKind
import java.time.Instant
import java.time.ZoneId

/** How earlier runs of this version of the app ended without being asked to. */
object EarlierRuns {
    /** From [files], and from what the system knows of the rest; oldest first. */
    fun crashes(context: Context, files: CrashFiles): List<Crash> {
        // what another version did says nothing of this one
        val since = context.packageManager.getPackageInfo(context.packageName, 0).lastUpdateTime
        return (files.read(since) + told(context).filter { it.time >= since }).sortedBy { it.time }.map { it.crash }
    }

    /** The system remembers a few ends of an app since API 30. Exceptions are in the files, with their places. */
    @GuardedApi
    private fun told(context: Context): List<TimedCrash> {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return emptyList()
        val manager = context.getSystemService(ActivityManager::class.java) ?: return emptyList()
        return manager.getHistoricalProcessExitReasons(null, 0, 0).mapNotNull { end ->
            crash(end)?.let { (kind, what) ->
                val on = Instant.ofEpochMilli(end.timestamp).atZone(ZoneId.systemDefault()).toLocalDate()
                TimedCrash(end.timestamp, Crash(kind, on, what, emptyList()))
            }
        }
    }

    /** Kind, and signal or reason; null for every other end. What the system writes in words may name anything. */
    @GuardedApi
    private fun crash(end: ApplicationExitInfo): Pair<CrashKind, String>? = when (end.reason) {
        ApplicationExitInfo.REASON_CRASH_NATIVE -> CrashKind.NATIVE to signal(end.status)
        // the system and its settings kill by SIGKILL, for every reason
        ApplicationExitInfo.REASON_SIGNALED -> (CrashKind.NATIVE to signal(end.status)).takeIf { end.status != SIGKILL }
        ApplicationExitInfo.REASON_ANR -> CrashKind.NOT_RESPONDING to "ANR"
        // an app that nobody looks at is expected to go
        ApplicationExitInfo.REASON_LOW_MEMORY ->
            (CrashKind.MEMORY to "LOW_MEMORY").takeIf { end.importance <= RunningAppProcessInfo.IMPORTANCE_VISIBLE }
        else -> null
    }

    private fun signal(number: Int): String = SIGNALS[number] ?: "signal $number"

    private const val SIGKILL = 9

    /** Of Linux on every processor that Android runs on. */
    private val SIGNALS = mapOf(
        4 to "SIGILL", 5 to "SIGTRAP", 6 to "SIGABRT", 7 to "SIGBUS", 8 to "SIGFPE", 11 to "SIGSEGV", 31 to "SIGSYS",
    )
}
