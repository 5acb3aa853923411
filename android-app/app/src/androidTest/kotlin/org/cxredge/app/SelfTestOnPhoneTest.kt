package org.cxredge.app

import androidx.test.platform.app.InstrumentationRegistry
import org.cxredge.app.session.BenchmarkState
import org.cxredge.app.session.Session
import org.cxredge.app.session.Verdict
import org.junit.Assert.assertTrue
import org.junit.Test

/**
 * The packaged model on a connected phone, by the runtime that the APK carries. Not verified here: it was neither
 * compiled nor run on the machine that wrote it. Under Gradle: `gradle :app:connectedAndroidTest`.
 */
class SelfTestOnPhoneTest {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()
    private val session: Session = (instrumentation.targetContext.applicationContext as App).session

    @Test
    fun thePackagedModelPassesItsSelfTest() {
        instrumentation.runOnMainSync { session.start() }
        until { session.verdict !is Verdict.Checking && session.verdict != Verdict.Unchecked }
        when (val verdict = session.verdict) {
            is Verdict.Refused -> throw AssertionError(verdict.refusal)
            is Verdict.Failed -> throw AssertionError(verdict.checked.selfTest.stages.joinToString { it.detail })
            else -> assertTrue(verdict is Verdict.Passed)
        }
        instrumentation.runOnMainSync { session.measure(2) }
        until { session.benchmark is BenchmarkState.Done || session.benchmark is BenchmarkState.Refused }
        assertTrue(session.benchmark is BenchmarkState.Done)
    }

    /** Waits without asserting on time: a phone may be slow. */
    private fun until(condition: () -> Boolean) {
        var met = false
        while (!met) {
            instrumentation.runOnMainSync { met = condition() }
            Thread.sleep(PAUSE)
        }
    }

    private companion object {
        const val PAUSE = 50L
    }
}
