package org.cxredge.core.bundle

/** How logits become what is said of a film, as data. */
sealed interface DecisionRule

/** Each label for itself: positive at or above its operating point, a logit, compared in float32; one a label. */
class MultiLabel(val operatingPoints: FloatArray) : DecisionRule

/**
 * One label excludes the others: the greatest logit is the answer when its log-odds reach [leastMargin], compared in
 * float32; at or above zero.
 */
class SingleLabel(val leastMargin: Float) : DecisionRule
