package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.app.R
import org.cxredge.app.platform.ContentFilms
import org.cxredge.app.session.Checked

/** What the app says of itself and of its model; intended use and limits are on the card below. */
object AboutWords {
    /** Names (string resources) and values; of the app alone while no bundle was accepted. */
    fun facts(app: String, checked: Checked?, resources: Resources): List<Pair<Int, String>> {
        val largest = resources.getString(R.string.megabytes, ContentFilms.MAX_BYTES / (1024 * 1024))
        val own = listOf(R.string.fact_app to app, R.string.fact_size_limit to largest)
        return own + checked?.let { model(it, resources) }.orEmpty()
    }

    private fun model(checked: Checked, resources: Resources): List<Pair<Int, String>> {
        val manifest = checked.bundle.manifest
        val key = checked.bundle.signedBy
        val kind = if (key.development) R.string.key_development else R.string.key_release
        return listOf(
            R.string.fact_model to
                resources.getString(R.string.name_version, manifest.name, manifest.version.toString()),
            R.string.fact_bundle to manifest.id,
            R.string.fact_artifact to checked.artifact.name,
            R.string.fact_runtime to checked.runtime.name,
            R.string.fact_signer to key.name,
            R.string.fact_fingerprint to key.fingerprint,
            R.string.fact_key_kind to resources.getString(kind),
            R.string.fact_licence to manifest.licence,
        )
    }
}
