package org.cxredge.core.decision

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.Model
import org.cxredge.core.bundle.MultiLabel
import org.cxredge.core.bundle.SingleLabel
import org.cxredge.core.model.Outputs

/** What is said of a film: [Findings] label by label, or one class of several as a [ClassAnswer]. */
sealed interface Decision {
    /** Null where the model gives no such score. */
    val novelty: Novelty?

    /** What may have happened to the film on its way; empty where the model does not look for it. */
    val quality: List<Suspicion>

    companion object {
        /** By the model's rule, as toolchain/cxredge/parity/decisions.py. [artifact]: what gave [outputs]. */
        fun of(model: Model, artifact: Artifact, outputs: Outputs): Decision {
            val novelty = model.noveltyThreshold?.let { Novelty.of(checkNotNull(outputs.novelty), it) }
            val quality = model.quality.mapIndexed { i, rule -> Suspicion.of(rule, checkNotNull(outputs.quality)[i]) }
            return when (val rule = model.rule) {
                is MultiLabel -> Findings(Finding.all(model.labels, rule, artifact, outputs.logits), novelty, quality)
                is SingleLabel -> {
                    val classes = ClassScore.all(model.labels, artifact, outputs.logits)
                    ClassAnswer.of(classes, rule.leastMargin, novelty, quality)
                }
            }
        }
    }
}
