package org.cxredge.core.model

import org.cxredge.core.bundle.CamShape
import org.cxredge.core.bundle.Output

/** What a model says of a film; null where it has no such output. */
class Outputs(
    /** float32[classes]. */
    val logits: FloatArray,
    val cam: ClassMap? = null,
    val novelty: Float? = null,
    /** float32[kinds of accidents], log-odds. */
    val quality: FloatArray? = null,
) {
    /** All values of one output, flat. */
    operator fun get(output: Output): FloatArray? = when (output) {
        Output.LOGITS -> logits
        Output.CAM -> cam?.values
        Output.NOVELTY -> novelty?.let { floatArrayOf(it) }
        Output.QUALITY -> quality
    }
}

/** float32[classes, rows, columns], row-major, in units of the logits: what argues for each class, and where. */
class ClassMap(val values: FloatArray, val shape: CamShape)
