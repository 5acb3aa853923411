package org.cxredge.core.bundle

import org.cxredge.core.film.InputSpec

/** What an app must know of the model to feed it, to decide by it, and to name what it says. */
class Model(
    /** Lower case, as in its recipe. */
    val name: String,
    val version: ModelVersion,
    /** SPDX identifier, or words. */
    val licence: String,
    /** In the order of the logits. */
    val labels: List<Label>,
    val rule: DecisionRule,
    val input: InputSpec,
    val heatmap: HeatmapKind,
    /** A novelty score above it means that the film is unlike the training films; null: there is no such score. */
    val noveltyThreshold: Double?,
    /** In the order of the output's columns; empty: there is no such output. */
    val quality: List<QualityRule>,
    val learntFrom: LearntFrom,
)

/** What the class map of a model is. */
enum class HeatmapKind {
    /** The logit is the map's mean and a bias. */
    EXACT,

    /** The logit's gradient, in closed form. */
    GRADIENT,

    /** There is no such output. */
    NONE,
}

/** What may happen to a film on its way: the model looks for it. */
enum class Accident { INVERTED, UPSIDE_DOWN, TURNED, MIRRORED }

/** The accident happened when its log-odds are at or above [threshold], compared in float64. */
class QualityRule(val accident: Accident, val threshold: Double)

/** The films that the model was trained on. [phantoms]: they were drawn; an app must say so with every film. */
class LearntFrom(val phantoms: Boolean, val data: String)
