package org.cxredge.core.selftest

import org.cxredge.core.bundle.MultiLabel
import org.cxredge.core.decision.Decision
import org.cxredge.core.decision.Findings
import kotlin.math.abs

/** Labels that do not exclude each other: at or above the operating point is positive. */
internal class FindingsCheck(private val labels: List<String>, private val rule: MultiLabel) : LabelsCheck {
    override fun edges(): List<Pair<String, FloatArray>> = listOf(
        "on the operating points" to rule.operatingPoints,
        "below the operating points" to rule.operatingPoints.map(Math::nextDown).toFloatArray(),
        "above the operating points" to rule.operatingPoints.map(Math::nextUp).toFloatArray(),
    )

    override fun compare(
        case: String,
        logits: FloatArray,
        decision: Decision,
        judge: Judge,
        certain: (Double) -> Boolean,
    ) {
        val findings = (decision as? Findings)?.findings.orEmpty()
        if (!judge("$case: labels", findings.map { it.label.name }, labels)) return
        for ((i, finding) in findings.withIndex()) {
            val distance = logits[i].toDouble() - rule.operatingPoints[i].toDouble()
            if (certain(abs(distance))) judge("$case: ${labels[i]}", finding.positive, distance >= 0)
        }
    }
}
