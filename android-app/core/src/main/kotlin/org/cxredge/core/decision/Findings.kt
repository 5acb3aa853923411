package org.cxredge.core.decision

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.Label
import org.cxredge.core.bundle.MultiLabel

/** Labels that do not exclude each other, in the manifest's order. */
class Findings(
    val findings: List<Finding>,
    override val novelty: Novelty?,
    override val quality: List<Suspicion>,
) : Decision

/** One label of a film. [margin] is logit minus operating point: at or above zero is positive. Not a probability. */
class Finding(
    val label: Label,
    val logit: Float,
    val operatingPoint: Float,
    val margin: Double,
    val positive: Boolean,
    /** sigmoid of logit / temperature of the artifact, 0..1. */
    val probability: Double,
    /** What the verdict says where this label's agreement rests, or may rest, on too few patients, else null. */
    val tooFew: String?,
) {
    internal companion object {
        /** A label is positive when its logit is at or above the operating point, compared in float32. */
        fun all(labels: List<Label>, rule: MultiLabel, artifact: Artifact, logits: FloatArray): List<Finding> {
            val probabilities = sigmoids(logits, artifact.temperature)
            return labels.mapIndexed { i, label ->
                val logit = logits[i]
                val point = rule.operatingPoints[i]
                Finding(
                    label = label,
                    logit = logit,
                    operatingPoint = point,
                    margin = logit.toDouble() - point.toDouble(),
                    positive = logit >= point,
                    probability = probabilities[i],
                    tooFew = artifact.tooFew[label.name],
                )
            }
        }
    }
}
