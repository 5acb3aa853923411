package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.app.R
import org.cxredge.app.platform.ContentFilms
import org.cxredge.app.session.Checked
import org.cxredge.core.bundle.Accident
import org.cxredge.core.bundle.HeatmapKind
import org.cxredge.core.bundle.Model
import org.cxredge.core.bundle.MultiLabel
import org.cxredge.core.bundle.SingleLabel

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
        val model = manifest.model
        val key = checked.bundle.signedBy
        val kind = if (key.development) R.string.key_development else R.string.key_release
        return listOf(
            R.string.fact_model to
                resources.getString(R.string.name_version, model.name, model.version.toString()),
            R.string.fact_bundle to manifest.id,
            R.string.fact_artifact to checked.artifact.name,
            R.string.fact_runtime to checked.runtime.name,
            R.string.fact_signer to key.name,
            R.string.fact_fingerprint to key.fingerprint,
            R.string.fact_key_kind to resources.getString(kind),
            R.string.fact_licence to model.licence,
        ) + contract(model, resources)
    }

    /** What the model says of a film, and what it does not. */
    private fun contract(model: Model, resources: Resources): List<Pair<Int, String>> {
        val decision = when (val rule = model.rule) {
            is MultiLabel -> resources.getString(R.string.decides_findings)
            is SingleLabel -> resources.getString(R.string.decides_class, rule.leastMargin)
        }
        val heatmap = when (model.heatmap) {
            HeatmapKind.EXACT -> R.string.heatmap_exact
            HeatmapKind.GRADIENT -> R.string.heatmap_gradient
            HeatmapKind.NONE -> R.string.absent
        }
        val novelty = model.noveltyThreshold?.let { resources.getString(R.string.novelty_threshold, it) }
        val quality = model.quality.joinToString { resources.getString(accident(it.accident)) }
        val films = if (model.learntFrom.phantoms) R.string.learnt_phantoms else R.string.learnt_films
        val absent = resources.getString(R.string.absent)
        return listOf(
            R.string.fact_labels to model.labels.joinToString { it.shown(resources) },
            R.string.fact_decision to decision,
            R.string.fact_heatmap to resources.getString(heatmap),
            R.string.fact_novelty to (novelty ?: absent),
            R.string.fact_quality to quality.ifEmpty { absent },
            R.string.fact_learnt to resources.getString(films, model.learntFrom.data),
        )
    }

    private fun accident(accident: Accident): Int = when (accident) {
        Accident.INVERTED -> R.string.inverted
        Accident.UPSIDE_DOWN -> R.string.upside_down
        Accident.TURNED -> R.string.turned
        Accident.MIRRORED -> R.string.mirrored
    }
}
