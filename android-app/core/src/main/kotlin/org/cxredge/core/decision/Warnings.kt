package org.cxredge.core.decision

import org.cxredge.core.bundle.Accident
import org.cxredge.core.bundle.QualityRule

/** How unlike the training films a film is. */
class Novelty(
    val score: Float,
    val threshold: Double,
    /** Whether the score lies above its threshold: what else is said of the film is not to be relied on. */
    val unlikeTrainingFilms: Boolean,
) {
    internal companion object {
        fun of(score: Float, threshold: Double): Novelty = Novelty(score, threshold, score.toDouble() > threshold)
    }
}

/** Whether an accident happened to a film: it was inverted, or mirrored, and so on. */
class Suspicion(
    val accident: Accident,
    val logOdds: Float,
    val threshold: Double,
    /** Whether the log-odds are at or above the threshold: the film must be looked at before what else is said. */
    val suspected: Boolean,
) {
    internal companion object {
        fun of(rule: QualityRule, logOdds: Float): Suspicion =
            Suspicion(rule.accident, logOdds, rule.threshold, logOdds.toDouble() >= rule.threshold)
    }
}
