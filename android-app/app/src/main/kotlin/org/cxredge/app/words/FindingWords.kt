package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.app.R
import org.cxredge.app.session.FilmResult
import org.cxredge.core.decision.Finding
import kotlin.math.abs

/** A finding in words. Margins, not percentages: logits are no probabilities. */
class FindingWords(val label: String, val margin: String, val tooFew: String?) {
    /** All of it, for a screen reader. */
    val spoken: String get() = listOfNotNull("$label.", "$margin.", tooFew).joinToString(" ")

    companion object {
        fun of(finding: Finding, resources: Resources): FindingWords {
            val word = resources.getString(if (finding.positive) R.string.positive else R.string.negative)
            // rounded away from the sign: a margin of -0.001 is "0.00 below", as the decision says
            val sentence = if (finding.margin >= 0) R.string.margin_above else R.string.margin_below
            return FindingWords(
                finding.label,
                resources.getString(sentence, word, abs(finding.margin)),
                finding.tooFew?.let { resources.getString(R.string.too_few) },
            )
        }

        /** Where the heatmap of class [label] is strongest. */
        fun heat(result: FilmResult, label: Int, resources: Resources): String {
            val name = result.decision.findings[label].label
            val third = HeatPlace.third(result, label) ?: return resources.getString(R.string.heat_none, name)
            return resources.getString(R.string.heat, name, resources.getString(PLACES[third]))
        }

        private val PLACES = intArrayOf(
            R.string.place_0, R.string.place_1, R.string.place_2,
            R.string.place_3, R.string.place_4, R.string.place_5,
            R.string.place_6, R.string.place_7, R.string.place_8,
        )
    }
}
