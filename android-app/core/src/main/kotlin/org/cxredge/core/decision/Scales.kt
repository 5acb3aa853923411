package org.cxredge.core.decision

import kotlin.math.exp
import kotlin.math.ln

/** The greatest number of float32: what lies beyond is taken for it. */
private val GREATEST: Double = Float.MAX_VALUE.toDouble()

/** toolchain/cxredge/statistics/probabilities.py: each label for itself. */
internal fun sigmoids(logits: FloatArray, temperature: Double): List<Double> =
    logits.map { 1 / (1 + exp(-it.toDouble() / temperature)) }

/** The same for labels that exclude each other. */
internal fun softmax(logits: FloatArray, temperature: Double): List<Double> {
    val scaled = logits.map { it.toDouble() / temperature }
    val peak = scaled.max() // taken off, so that no exponential overflows
    val shares = scaled.map { exp(it - peak) }
    return shares.map { it / shares.sum() }
}

/** toolchain/cxredge/parity/decisions.py: computed in float64, then rounded; finite. At least two logits. */
internal fun logOdds(logits: FloatArray): FloatArray = FloatArray(logits.size) { own ->
    val others = logits.indices.filter { it != own }.map { logits[it].toDouble() }
    val peak = others.max()
    val odds = logits[own] - (peak + ln(others.sumOf { exp(it - peak) }))
    odds.coerceIn(-GREATEST, GREATEST).toFloat()
}
