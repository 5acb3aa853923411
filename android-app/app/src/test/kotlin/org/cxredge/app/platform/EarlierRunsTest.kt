package org.cxredge.app.platform

import android.app.ActivityManager
import android.app.ActivityManager.RunningAppProcessInfo.IMPORTANCE_CACHED
import android.app.ActivityManager.RunningAppProcessInfo.IMPORTANCE_FOREGROUND
import android.app.Application
import android.app.ApplicationExitInfo
import android.os.Build
import org.cxredge.core.log.Crash
import org.cxredge.core.log.CrashKind
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowActivityManager.ApplicationExitInfoBuilder
import org.robolectric.util.ReflectionHelpers
import java.io.File
import java.time.LocalDate
import java.time.ZoneId

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = Application::class)
class EarlierRunsTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val context = RuntimeEnvironment.getApplication()
    private val day = LocalDate.of(2026, 11, 25)
    private val noon = day.atTime(12, 0).atZone(ZoneId.systemDefault()).toInstant().toEpochMilli()

    @Test
    fun whatNobodyCaughtIsWrittenDownAndHandedOn() {
        val files = files()
        val handed = mutableListOf<Throwable>()
        val recorder = CrashRecorder(files) { _, error -> handed.add(error) }
        val error = RuntimeException("a person's name", IllegalStateException("another"))
        recorder.uncaughtException(Thread.currentThread(), error)
        assertSame(error, handed.single())
        val crash = files.read(0).single().crash
        assertEquals(CrashKind.EXCEPTION, crash.kind)
        assertEquals("java.lang.IllegalStateException", crash.what)
        assertTrue(crash.at[0], crash.at[0].contains("EarlierRunsTest.whatNobodyCaught"))
        assertFalse(text().contains("name") || text().contains("another"))
    }

    @Test
    fun withoutStorageTheCrashIsHandedOnAllTheSame() {
        val handed = mutableListOf<Throwable>()
        val recorder = CrashRecorder(CrashFiles(File("/proc/crashes"))) { _, error -> handed.add(error) }
        recorder.uncaughtException(Thread.currentThread(), OutOfMemoryError())
        assertEquals(1, handed.size)
    }

    @Test
    fun theNewestAreKeptAndDamagedOnesPassedOver() {
        val files = files()
        for (i in 1L..40L) files.write(TimedCrash(i, crash("at $i")))
        assertEquals((9L..40L).toList(), files.read(0).map { it.time })
        assertEquals(listOf("at 39", "at 40"), files.read(39).map { it.crash.what })
        assertEquals("older ones are gone", listOf(39L, 40L), files.read(0).map { it.time })
        val folder = folder()
        fun record(kind: String, on: String) = """{"kind": "$kind", "on": "$on", "what": "x", "at": []}"""
        val damaged = listOf("", "{", "[]", "{}", record("FIRE", "2026-11-25"), record("NATIVE", "yesterday"))
        damaged.forEachIndexed { i, text -> File(folder, "${50 + i}.json").writeText(text) }
        File(folder, "other.txt").writeText("no crash")
        assertEquals(listOf(39L, 40L), files.read(0).map { it.time })
    }

    @Test
    fun theSystemTellsTheRest() {
        end(1, ApplicationExitInfo.REASON_CRASH_NATIVE, status = 11)
        end(2, ApplicationExitInfo.REASON_CRASH_NATIVE, status = 64)
        end(3, ApplicationExitInfo.REASON_SIGNALED, status = 6)
        end(4, ApplicationExitInfo.REASON_SIGNALED, status = 9)
        end(5, ApplicationExitInfo.REASON_ANR)
        end(6, ApplicationExitInfo.REASON_LOW_MEMORY, importance = IMPORTANCE_FOREGROUND)
        end(7, ApplicationExitInfo.REASON_LOW_MEMORY, importance = IMPORTANCE_CACHED)
        end(8, ApplicationExitInfo.REASON_CRASH)
        end(9, ApplicationExitInfo.REASON_USER_REQUESTED)
        end(10, ApplicationExitInfo.REASON_EXIT_SELF)
        val files = files()
        files.write(TimedCrash(noon + 4, crash("java.lang.Error")))
        val found = EarlierRuns.crashes(context, files)
        val expected = listOf(
            CrashKind.NATIVE to "SIGSEGV",
            CrashKind.NATIVE to "signal 64",
            CrashKind.NATIVE to "SIGABRT",
            CrashKind.EXCEPTION to "java.lang.Error",
            CrashKind.NOT_RESPONDING to "ANR",
            CrashKind.MEMORY to "LOW_MEMORY",
        )
        assertEquals(expected, found.map { it.kind to it.what })
        assertTrue(found.all { it.on == day })
    }

    @Test
    fun whatAnotherVersionDidIsLeftOut() {
        end(1, ApplicationExitInfo.REASON_ANR)
        val files = files()
        files.write(TimedCrash(noon + 2, crash("java.lang.Error")))
        val update = context.packageManager.getPackageInfo(context.packageName, 0)
        update.lastUpdateTime = noon + 3
        shadowOf(context.packageManager).installPackage(update)
        files.write(TimedCrash(noon + 3, crash("after")))
        assertEquals(listOf("after"), EarlierRuns.crashes(context, files).map { it.what })
    }

    @Test
    fun anOldSystemIsNotAsked() {
        end(1, ApplicationExitInfo.REASON_ANR)
        val files = files()
        files.write(TimedCrash(noon, crash("java.lang.Error")))
        val level = Build.VERSION.SDK_INT
        ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", Build.VERSION_CODES.Q)
        try {
            assertEquals(listOf("java.lang.Error"), EarlierRuns.crashes(context, files).map { it.what })
        } finally {
            ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", level)
        }
        assertEquals(2, EarlierRuns.crashes(context, files).size)
    }

    @Test
    fun theKernelsFeaturesAreReadOfWhicheverCore() {
        val info = temporary.newFile()
        info.writeText(
            "processor\t: 0\nFeatures\t: fp asimd  sve\nmodel name\t: x\n\n" +
                "processor\t: 1\nFeatures\t: fp asimd\taes\nFeaturesOf: no\n",
        )
        assertEquals(listOf("aes", "asimd", "fp", "sve"), Phone.cpuFeatures(info).toList())
        assertEquals(emptySet<String>(), Phone.cpuFeatures(File(info, "gone")))
        assertEquals(emptySet<String>(), Phone.cpuFeatures(temporary.newFile()))
    }

    private fun folder() = File(temporary.root, "crashes")

    private fun files() = CrashFiles(folder())

    private fun text() = folder().listFiles().orEmpty().joinToString { it.name + it.readText() }

    private fun crash(what: String) = Crash(CrashKind.EXCEPTION, day, what, listOf("a.b:1"))

    /** [order]: milliseconds after noon. */
    private fun end(order: Int, reason: Int, status: Int = 0, importance: Int = IMPORTANCE_FOREGROUND) {
        val info = ApplicationExitInfoBuilder.newBuilder()
            .setReason(reason)
            .setStatus(status)
            .setImportance(importance)
            .setTimestamp(noon + order)
            .setDescription("a person's name")
            .build()
        shadowOf(context.getSystemService(ActivityManager::class.java)).addApplicationExitInfo(info)
    }
}
