package org.cxredge.core.decision

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.Label

/** One class of several that exclude each other, or none where the film is uncertain. */
class ClassAnswer(
    /** In the manifest's order. */
    val classes: List<ClassScore>,
    /** Null: uncertain, which is no class. */
    val answer: ClassScore?,
    /** The class with the greatest logit, whether or not it is the answer. */
    val nearest: ClassScore,
    /** The greatest of the others. */
    val runnerUp: ClassScore,
    /** Log-odds that the nearest class needs to be the answer. */
    val leastMargin: Float,
    override val novelty: Novelty?,
    override val quality: List<Suspicion>,
) : Decision {
    internal companion object {
        /** Of equal logits the first is the nearest, and then there is no answer. All is compared in float32. */
        fun of(
            classes: List<ClassScore>,
            leastMargin: Float,
            novelty: Novelty?,
            quality: List<Suspicion>,
        ): ClassAnswer {
            val nearest = greatest(classes)
            val runnerUp = greatest(classes - nearest)
            val answer = nearest.takeIf { it.logit > runnerUp.logit && it.logOdds >= leastMargin }
            return ClassAnswer(classes, answer, nearest, runnerUp, leastMargin, novelty, quality)
        }

        /** The first of the greatest; the library's own functions take 0 for greater than -0. */
        private fun greatest(classes: List<ClassScore>): ClassScore =
            classes.reduce { best, next -> if (next.logit > best.logit) next else best }
    }
}

/** What is said of one class. */
class ClassScore(
    val label: Label,
    val logit: Float,
    /** Against all other classes together: the logit minus the logarithm of the others' summed exponentials. */
    val logOdds: Float,
    /** Its share of the softmax of logits / temperature of the artifact, 0..1. */
    val probability: Double,
    /** What the verdict says where this class's agreement rests, or may rest, on too few patients, else null. */
    val tooFew: String?,
) {
    internal companion object {
        fun all(labels: List<Label>, artifact: Artifact, logits: FloatArray): List<ClassScore> {
            val probabilities = softmax(logits, artifact.temperature)
            val odds = logOdds(logits)
            return labels.mapIndexed { i, label ->
                ClassScore(label, logits[i], odds[i], probabilities[i], artifact.tooFew[label.name])
            }
        }
    }
}
