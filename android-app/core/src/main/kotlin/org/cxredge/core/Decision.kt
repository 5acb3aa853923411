package org.cxredge.core

/** One label of a film. [margin] is logit minus operating point: at or above zero is positive. Not a probability. */
class Finding(
    val label: String,
    val logit: Float,
    val operatingPoint: Float,
    val margin: Double,
    val positive: Boolean,
    /** sigmoid(logit / temperature of the artifact). */
    val probability: Double,
    /** What the verdict says where this label's agreement rests on too few patients, else null. */
    val tooFew: String?,
)

/** What is said of a film. */
class Decision(
    val findings: List<Finding>,
    val novelty: Float,
    val noveltyThreshold: Double,
    val unlikeTrainingFilms: Boolean,
) {
    companion object {
        fun of(manifest: Manifest, artifact: Artifact, outputs: Outputs): Decision = TODO()
    }
}

/** Bilinear map of one class, cell i centred on pixel i * height / rows: images/geometry.py `upsample`. */
object Heatmap {
    /** Returns float64[height * width] of what argues for the finding, scaled to its own maximum, 0..1. */
    fun strength(outputs: Outputs, label: Int, height: Int, width: Int): DoubleArray = TODO()

    /** 0..1 -> 0xRRGGBB on the ramp of report/heatmap.py. */
    fun colour(strength: Double): Int = TODO()
}
