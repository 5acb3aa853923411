package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.app.R
import org.cxredge.app.session.FilmResult
import org.cxredge.core.decision.ClassAnswer
import org.cxredge.core.decision.ClassScore
import org.cxredge.core.decision.Decision
import org.cxredge.core.decision.Finding
import org.cxredge.core.decision.Findings
import kotlin.math.abs

/**
 * A finding, or one of several exclusive classes, in words. Margins, not percentages: logits are no probabilities.
 * [margin]: from what the decision asks for, in logits. [stands]: whether it is what the model says of the film.
 */
class FindingWords(
    val label: String,
    val margin: Double,
    val stands: Boolean,
    val sentence: String,
    val tooFew: String?,
) {
    /** All of it, for a screen reader. */
    val spoken: String get() = listOfNotNull("$label.", "$sentence.", tooFew).joinToString(" ")

    companion object {
        /** In the manifest's order. */
        fun of(decision: Decision, resources: Resources): List<FindingWords> = when (decision) {
            is Findings -> decision.findings.map { of(it, resources) }
            is ClassAnswer -> decision.classes.map { of(it, decision, resources) }
        }

        private fun of(finding: Finding, resources: Resources): FindingWords {
            val word = resources.getString(if (finding.positive) R.string.positive else R.string.negative)
            // rounded away from the sign: a margin of -0.001 is "0.00 below", as the decision says
            val sentence = if (finding.margin >= 0) R.string.margin_above else R.string.margin_below
            return FindingWords(
                finding.label.shown(resources),
                finding.margin,
                finding.positive,
                resources.getString(sentence, word, abs(finding.margin)),
                tooFew(finding.tooFew, resources),
            )
        }

        private fun of(score: ClassScore, decision: ClassAnswer, resources: Resources): FindingWords {
            val margin = score.logOdds.toDouble() - decision.leastMargin
            val sentence = when {
                score === decision.answer -> R.string.class_answer
                score === decision.nearest -> R.string.class_nearest
                else -> R.string.class_other
            }
            val distance = if (margin >= 0) R.string.odds_above else R.string.odds_below
            val odds = resources.getString(distance, score.logOdds, abs(margin))
            return FindingWords(
                score.label.shown(resources),
                margin,
                score === decision.answer,
                resources.getString(sentence, odds),
                tooFew(score.tooFew, resources),
            )
        }

        private fun tooFew(reason: String?, resources: Resources): String? =
            reason?.let { resources.getString(R.string.too_few) }

        /** Where the heatmap of class [label] is strongest, or that there is none. */
        fun heat(result: FilmResult, label: Int, resources: Resources): String {
            val cam = result.outputs.cam ?: return resources.getString(R.string.heat_absent)
            val name = result.model.labels[label].shown(resources)
            val third = HeatPlace.third(result, cam, label) ?: return resources.getString(R.string.heat_none, name)
            return resources.getString(R.string.heat, name, resources.getString(PLACES[third]))
        }

        /** What the rows are. */
        fun title(decision: Decision): Int = when (decision) {
            is Findings -> R.string.findings
            is ClassAnswer -> R.string.classes
        }

        /** How to read the rows. */
        fun hint(result: FilmResult, resources: Resources): String {
            val bars = when (result.decision) {
                is Findings -> R.string.findings_hint
                is ClassAnswer -> R.string.classes_hint
            }
            return listOfNotNull(bars, R.string.heat_hint.takeIf { result.outputs.cam != null })
                .joinToString(" ") { resources.getString(it) }
        }

        private val PLACES = intArrayOf(
            R.string.place_0, R.string.place_1, R.string.place_2,
            R.string.place_3, R.string.place_4, R.string.place_5,
            R.string.place_6, R.string.place_7, R.string.place_8,
        )
    }
}
