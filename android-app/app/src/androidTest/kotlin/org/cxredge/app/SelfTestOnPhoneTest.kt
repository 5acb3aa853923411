package org.cxredge.app

import androidx.test.platform.app.InstrumentationRegistry
import org.cxredge.app.session.BenchmarkState
import org.cxredge.app.session.Session
import org.cxredge.app.session.SessionState
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
        until { it.verdict !is Verdict.Checking && it.verdict != Verdict.Unchecked }
        when (val verdict = state.verdict) {
            is Verdict.Refused -> throw AssertionError(verdict.refusal)
            is Verdict.Failed -> throw AssertionError(verdict.checked.selfTest.stages.joinToString { it.detail })
            else -> assertTrue(verdict is Verdict.Passed)
        }
        instrumentation.runOnMainSync { session.measure(2) }
        until { it.benchmark is BenchmarkState.Done || it.benchmark is BenchmarkState.Refused }
        assertTrue(state.benchmark is BenchmarkState.Done)
    }

    /** Waits without asserting on time: a phone may be slow. */
    private fun until(condition: (SessionState) -> Boolean) {
        while (!condition(state)) Thread.sleep(PAUSE)
    }

    /** The session is asked on its own thread alone. */
    private val state: SessionState
        get() {
            var now = SessionState()
            instrumentation.runOnMainSync { now = session.state }
            return now
        }

    private companion object {
        const val PAUSE = 50L
    }
}
