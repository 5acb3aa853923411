package org.cxredge.core.selftest

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelManifest
import org.cxredge.core.decision.Decision
import org.cxredge.core.model.Outputs

/**
 * Holds [decide] against the rule itself, which is spelled out here once more, in float64: float32 values compare the
 * same there. [tally] counts wrong decisions, one check a label and one for novelty.
 */
internal class DecisionCheck(
    private val manifest: ModelManifest,
    private val artifact: Artifact,
    private val decide: (Outputs) -> Decision,
    private val tally: Tally,
) {
    private val points = manifest.operatingPoints.map { it.toDouble() }
    private var wrong = 0

    /** Logits and novelty scores on the thresholds and next to them, where a rule that is nearly right is wrong. */
    fun edges() {
        val novelty = manifest.noveltyThreshold.toFloat()
        known("on the operating points", made(FloatArray(points.size) { manifest.operatingPoints[it] }, novelty))
        known("below the operating points", made(next(-1), Math.nextDown(novelty)))
        known("above the operating points", made(next(1), Math.nextUp(novelty)))
    }

    /** What is decided of [outputs], which are exact. */
    fun known(case: String, outputs: Outputs): Unit = compare(case, outputs, outputs) { true }

    /**
     * What is decided of this machine's [own] outputs, which are within the tolerance of the [expected] ones: where the
     * expected logit is farther from its operating point than the tolerance, the decision must be the expected one.
     */
    fun own(case: String, expected: Outputs, own: Outputs) {
        val tolerance = artifact.tolerance
        compare("$case, own outputs", expected, own) { i ->
            if (i < points.size) {
                Math.abs(expected.logits[i] - points[i]) > tolerance.logitsAbs
            } else {
                val allowed = tolerance.noveltyRel * Math.abs(expected.novelty.toDouble())
                Math.abs(expected.novelty - manifest.noveltyThreshold) > allowed
            }
        }
    }

    /** [certain]: whether a label, or behind the last label the novelty score, is to be judged. */
    private fun compare(case: String, expected: Outputs, given: Outputs, certain: (Int) -> Boolean) {
        val decision = decide(given)
        val named = decision.findings.map { it.label }
        if (named != manifest.labels) {
            tally.check((++wrong).toDouble()) { "$case: findings are of $named, not of ${manifest.labels}" }
            return
        }
        for ((i, finding) in decision.findings.withIndex()) {
            if (certain(i)) judge("$case: ${finding.label}", finding.positive, expected.logits[i] >= points[i])
        }
        val unlike = expected.novelty.toDouble() > manifest.noveltyThreshold
        if (certain(points.size)) judge("$case: unlike the training films", decision.unlikeTrainingFilms, unlike)
    }

    private fun judge(what: String, own: Boolean, expected: Boolean) {
        if (own != expected) wrong++
        tally.check(if (own == expected) 0.0 else wrong.toDouble()) { "$what: $own, $expected is expected" }
    }

    private fun made(logits: FloatArray, novelty: Float): Outputs =
        Outputs(logits, FloatArray(artifact.cam.run { classes * rows * columns }), artifact.cam, novelty)

    private fun next(direction: Int): FloatArray = FloatArray(points.size) {
        val point = manifest.operatingPoints[it]
        if (direction < 0) Math.nextDown(point) else Math.nextUp(point)
    }
}
