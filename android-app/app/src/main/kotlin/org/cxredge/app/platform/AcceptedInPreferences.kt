package org.cxredge.app.platform

import android.content.SharedPreferences
import org.cxredge.app.session.AcceptedVersions
import org.cxredge.core.bundle.ModelVersion

/** Accepted versions, one preference a model. They go when the app's data are cleared, as everything else does. */
class AcceptedInPreferences(private val preferences: SharedPreferences) : AcceptedVersions {
    override fun newest(): Map<String, ModelVersion> =
        preferences.all.entries.associate { (name, version) -> name to ModelVersion.parse(version.toString()) }

    override fun accept(name: String, version: ModelVersion) {
        val known = newest()[name]
        if (known == null || version > known) preferences.edit().putString(name, version.toString()).apply()
    }
}
