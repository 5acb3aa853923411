package org.cxredge.core.decision

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.LabelsKind
import org.cxredge.core.bundle.ModelManifest
import org.cxredge.core.model.Outputs
import kotlin.math.exp

/** One label of a film. [margin] is logit minus operating point: at or above zero is positive. Not a probability. */
class Finding(
    val label: String,
    val logit: Float,
    val operatingPoint: Float,
    val margin: Double,
    val positive: Boolean,
    /** sigmoid (labels that exclude each other: softmax) of logit / temperature of the artifact, 0..1. */
    val probability: Double,
    /** What the verdict says where this label's agreement rests, or may rest, on too few patients, else null. */
    val tooFew: String?,
)

/** What is said of a film, label by label in the manifest's order. */
class Decision(
    val findings: List<Finding>,
    val novelty: Float,
    val noveltyThreshold: Double,
    /** Whether the novelty score lies above its threshold: the findings are not to be relied on. */
    val unlikeTrainingFilms: Boolean,
) {
    companion object {
        /**
         * A label is positive when its logit is at or above the operating point, compared in float32
         * (toolchain/cxredge/parity/decisions.py). Novelty is compared in float64 (report/findings.py).
         */
        fun of(manifest: ModelManifest, artifact: Artifact, outputs: Outputs): Decision {
            val probabilities = probabilities(outputs.logits, artifact.temperature, manifest.labelsKind)
            val findings = manifest.labels.mapIndexed { i, label ->
                val logit = outputs.logits[i]
                val point = manifest.operatingPoints[i]
                Finding(
                    label = label,
                    logit = logit,
                    operatingPoint = point,
                    margin = logit.toDouble() - point.toDouble(),
                    positive = logit >= point,
                    probability = probabilities[i],
                    tooFew = artifact.tooFew[label],
                )
            }
            val threshold = manifest.noveltyThreshold
            return Decision(findings, outputs.novelty, threshold, outputs.novelty.toDouble() > threshold)
        }

        /** toolchain/cxredge/statistics/probabilities.py: `probabilities`. */
        private fun probabilities(logits: FloatArray, temperature: Double, kind: LabelsKind): List<Double> {
            val scaled = logits.map { it.toDouble() / temperature }
            if (kind == LabelsKind.MULTI_LABEL) return scaled.map { 1 / (1 + exp(-it)) }
            val peak = scaled.max() // taken off, so that no exponential overflows
            val shares = scaled.map { exp(it - peak) }
            return shares.map { it / shares.sum() }
        }
    }
}
