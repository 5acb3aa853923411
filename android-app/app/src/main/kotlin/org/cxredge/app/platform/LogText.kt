package org.cxredge.app.platform

import android.content.Context
import org.cxredge.app.session.SessionState
import org.cxredge.core.log.FieldLog
import org.cxredge.core.log.LoggedApp
import org.cxredge.core.log.LoggedBundle
import org.cxredge.core.log.LoggedRun
import java.time.LocalDate

/** What may be shared about this phone and model: the field log, whatever came out. */
object LogText {
    /** JSON; null while there is nothing to say. */
    fun of(state: SessionState, context: Context): String? {
        val log = FieldLog(
            LoggedApp(NAME, Phone.appVersion(context)),
            Phone.describe(context),
            bundle(state),
            state.refusals,
            state.crashes,
        )
        return log.json(LocalDate.now())
    }

    private fun bundle(state: SessionState): LoggedBundle? {
        val tried = state.tried
        val bundle = tried.bundle ?: return null
        val artifact = tried.artifact ?: return LoggedBundle(bundle, null)
        val runtime = tried.runtime?.name.orEmpty()
        return LoggedBundle(bundle, LoggedRun(artifact, runtime, state.checked?.selfTest, state.measured))
    }

    private const val NAME = "cxr-edge-android"
}
