package org.cxredge.core.selftest

import org.cxredge.core.bundle.Model
import org.cxredge.core.bundle.MultiLabel
import org.cxredge.core.bundle.Output
import org.cxredge.core.bundle.SingleLabel
import org.cxredge.core.bundle.Tolerance
import org.cxredge.core.decision.Decision
import org.cxredge.core.model.Outputs
import kotlin.math.abs

/**
 * Holds [decide] against the rules themselves, which are spelled out here once more, in float64: float32 values compare
 * the same there. [tally] counts wrong decisions, one check for each that is taken of a film.
 */
internal class DecisionCheck(
    private val model: Model,
    private val tolerance: Tolerance,
    private val decide: (Outputs) -> Decision,
    tally: Tally,
) {
    private val judge = Judge(tally)
    private val labels: LabelsCheck = when (val rule = model.rule) {
        is MultiLabel -> FindingsCheck(model.labels.map { it.name }, rule)
        is SingleLabel -> ClassCheck(model.labels.map { it.name }, rule)
    }

    /** Outputs on the thresholds and next to them, where a rule that is nearly right is wrong. */
    fun edges() {
        labels.edges().forEachIndexed { i, (name, logits) ->
            fun beside(threshold: Double): Float = threshold.toFloat().let {
                when (i % 3) {
                    0 -> it
                    1 -> Math.nextDown(it)
                    else -> Math.nextUp(it)
                }
            }
            val novelty = model.noveltyThreshold?.let(::beside)
            val quality = model.quality.map { beside(it.threshold) }.toFloatArray()
            known(name, Outputs(logits, null, novelty, quality.takeIf { it.isNotEmpty() }))
        }
    }

    /** What is decided of [outputs], which are exact. */
    fun known(case: String, outputs: Outputs): Unit = compare(case, outputs, outputs) { _, _ -> true }

    /**
     * What is decided of this machine's [own] outputs, which are within the tolerance of the [expected] ones: where the
     * expected value is farther from its threshold than the tolerance lets it move, the decision is the expected one.
     */
    fun own(case: String, expected: Outputs, own: Outputs): Unit =
        compare("$case, own outputs", expected, own) { output, distance ->
            val share = if (output == Output.NOVELTY) abs(checkNotNull(expected.novelty).toDouble()) else 1.0
            distance > tolerance[output] * share
        }

    /** [certain]: whether an output whose expected value is so far from its threshold is to be judged. */
    private fun compare(case: String, expected: Outputs, given: Outputs, certain: (Output, Double) -> Boolean) {
        val decision = decide(given)
        labels.compare(case, expected.logits, decision, judge) { certain(Output.LOGITS, it) }
        model.noveltyThreshold?.let { threshold ->
            val distance = checkNotNull(expected.novelty) - threshold
            if (certain(Output.NOVELTY, abs(distance))) {
                judge("$case: unlike the training films", decision.novelty?.unlikeTrainingFilms, distance > 0)
            }
        }
        judge("$case: accidents", decision.quality.map { it.accident }, model.quality.map { it.accident })
        model.quality.zip(decision.quality).forEachIndexed { i, (rule, suspicion) ->
            val distance = checkNotNull(expected.quality)[i] - rule.threshold
            if (certain(Output.QUALITY, abs(distance))) {
                judge("$case: ${rule.accident}", suspicion.suspected, distance >= 0)
            }
        }
    }
}

/** Counts what is decided otherwise than expected. */
internal class Judge(private val tally: Tally) {
    private var wrong = 0

    /** Whether [own] is what is [expected]. */
    operator fun invoke(what: String, own: Any?, expected: Any?): Boolean {
        if (own != expected) wrong++
        return tally.check(if (own == expected) 0.0 else wrong.toDouble()) { "$what: $own, $expected is expected" }
    }
}

/** What is specific to one rule of deciding by logits. */
internal interface LabelsCheck {
    /** Logits next to the thresholds, and what they are called; at least three. */
    fun edges(): List<Pair<String, FloatArray>>

    /**
     * Judges [decision] against what the [logits] say. [certain]: whether a logit that would have to move so far for
     * another decision is to be judged.
     */
    fun compare(case: String, logits: FloatArray, decision: Decision, judge: Judge, certain: (Double) -> Boolean)
}
