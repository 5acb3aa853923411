package org.cxredge.core.selftest

import org.cxredge.core.bundle.SingleLabel
import org.cxredge.core.decision.ClassAnswer
import org.cxredge.core.decision.Decision
import kotlin.math.abs
import kotlin.math.exp
import kotlin.math.ln

/** Labels that exclude each other: the greatest logit, when its log-odds reach the least margin. */
internal class ClassCheck(private val labels: List<String>, private val rule: SingleLabel) : LabelsCheck {
    /**
     * Of two classes alone (the others are out of the way) the log-odds are the difference of the logits, exactly: so
     * they stand on the margin and next to it. The last two show a rule that looks at the runner-up alone, or at what
     * all logits have in common.
     */
    override fun edges(): List<Pair<String, FloatArray>> {
        val margin = rule.leastMargin
        val steps = listOf("on" to margin, "below" to Math.nextDown(margin), "above" to Math.nextUp(margin))
        val pairs = labels.indices.flatMap { top ->
            val second = (top + 1) % labels.size
            steps.map { (word, odds) -> "$word the margin of ${labels[top]}" to made(top to odds, second to 0f) }
        }
        val half = ln(labels.size - 1.0).toFloat() / 2
        return pairs + listOf(
            "two greatest" to made(0 to SHIFT, 1 to SHIFT),
            "all alike" to FloatArray(labels.size),
            "not against all others" to FloatArray(labels.size) { if (it == 0) SHIFT + margin + half else SHIFT },
            "against all others" to FloatArray(labels.size) { if (it == 0) 3 * half + margin + 1 - SHIFT else -SHIFT },
        )
    }

    private fun made(vararg logits: Pair<Int, Float>): FloatArray =
        FloatArray(labels.size) { OUT_OF_THE_WAY }.also { made -> logits.forEach { (i, logit) -> made[i] = logit } }

    override fun compare(
        case: String,
        logits: FloatArray,
        decision: Decision,
        judge: Judge,
        certain: (Double) -> Boolean,
    ) {
        val said = decision as? ClassAnswer
        if (!judge("$case: labels", said?.classes?.map { it.label.name }, labels) || said == null) return
        val order = labels.indices.sortedWith { one, other -> -compare(logits[one], logits[other]) } // stable
        if (certain(0.0)) {
            val expected = labels.indices.map { odds(logits, it).toFloat() }
            judge("$case: log-odds", said.classes.map { it.logOdds }, expected)
        }
        val (top, second) = order
        val odds = odds(logits, top)
        val lead = logits[top].toDouble() - logits[second].toDouble()
        val answer = lead > 0 && odds.toFloat() >= rule.leastMargin
        // each logit may move by the tolerance, and log-odds by twice that
        val room = abs(odds - rule.leastMargin) / 2
        if (certain(if (answer) minOf(room, lead / 2) else room)) {
            judge("$case: answer", said.answer?.label?.name, labels[top].takeIf { answer })
        }
        if (certain(lead / 2)) judge("$case: nearest", said.nearest.label.name, labels[top])
        val third = order.getOrNull(2)?.let { logits[second].toDouble() - logits[it] } ?: Double.MAX_VALUE
        if (certain(minOf(lead, third) / 2)) judge("$case: runner-up", said.runnerUp.label.name, labels[second])
    }

    /** The logit less the logarithm of the others' summed exponentials, the greatest taken out; within float32. */
    private fun odds(logits: FloatArray, of: Int): Double {
        val wide = logits.map { it.toDouble() }
        val others = wide.filterIndexed { i, _ -> i != of }
        val greatest = others.max()
        var sum = 0.0
        for (other in others) sum += exp(other - greatest)
        val odds = wide[of] - (greatest + ln(sum))
        return odds.coerceIn(-Float.MAX_VALUE.toDouble(), Float.MAX_VALUE.toDouble())
    }

    /** As float32 compares: 0 and -0 are equal. */
    private fun compare(one: Float, other: Float): Int = if (one > other) 1 else if (one < other) -1 else 0

    private companion object {
        /** Its exponential is nothing beside that of any logit used here. */
        const val OUT_OF_THE_WAY = -3e38f
        const val SHIFT = 50f
    }
}
