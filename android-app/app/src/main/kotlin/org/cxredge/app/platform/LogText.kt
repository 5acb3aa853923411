package org.cxredge.app.platform

import android.content.Context
import org.cxredge.app.session.Session
import org.cxredge.app.session.Verdict
import org.cxredge.core.log.FieldLog
import org.json.JSONObject
import java.time.LocalDate

/** What may be shared about this phone and model. */
object LogText {
    /** JSON: the field log, or the refusal where no bundle was accepted; null while the model is being checked. */
    fun of(session: Session, context: Context): String? {
        val app = Phone.appVersion(context)
        val day = LocalDate.now().toString()
        (session.verdict as? Verdict.Refused)?.let { return refusal(it, app, day) }
        val checked = session.checked ?: return null
        return FieldLog.json(
            checked.bundle,
            checked.artifact,
            app,
            checked.runtime.name,
            Phone.describe(context),
            checked.selfTest,
            session.measured,
            day,
        )
    }

    private fun refusal(verdict: Verdict.Refused, app: String, day: String): String = JSONObject()
        .put("app", app)
        .put("day", day)
        .put("refused", verdict.refusal.code)
        .put("reason", verdict.refusal.reason)
        .put("fix", verdict.refusal.fix)
        .toString(2)
}
