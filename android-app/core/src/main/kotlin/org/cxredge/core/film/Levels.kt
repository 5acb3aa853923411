package org.cxredge.core.film

import org.cxredge.core.Refusal

/** DICOM VOI LUT functions (PS3.3 C.11.2.1.2 and C.11.2.1.3). */
internal enum class VoiFunction { LINEAR, LINEAR_EXACT, SIGMOID }

/** What comes between modality values and grey levels. */
internal sealed interface Voi {
    /** Modality value -> fraction of the output range, 0..1 where it is in range. */
    fun fraction(value: Double): Double
}

/** A modality or VOI LUT; [entries] are 0..2^bits - 1, and [first] is the input that the first one maps. */
internal class Lut(private val first: Int, val bits: Int, private val entries: IntArray) : Voi {
    /** The entry of an input; inputs beyond either end take the entry at that end. */
    fun lookUp(value: Double): Double =
        entries[(Math.floor(value + 0.5) - first).coerceIn(0.0, (entries.size - 1).toDouble()).toInt()].toDouble()

    override fun fraction(value: Double): Double = lookUp(value) / ((1 shl bits) - 1).toDouble()

    /**
     * Throws [Refusal] of [code] where no entry reaches the upper half of what [bits] can hold: makers are known to
     * call entries of 12 bits 16, which gives a film that is all but black.
     */
    fun checkFilled(code: String) {
        val filled = 32 - Integer.numberOfLeadingZeros(entries.max())
        if (filled < bits) {
            throw Refusal(
                code,
                "the image: its look-up table's entries fill $filled bits where its descriptor says $bits",
                "correct the descriptor, or export the film again, or with a window instead",
            )
        }
    }
}

/** A VOI window in modality units. [width]: >= 1 for LINEAR, > 0 for the others. */
internal class VoiWindow(
    private val centre: Double,
    private val width: Double,
    private val function: VoiFunction,
) : Voi {
    override fun fraction(value: Double): Double {
        if (function == VoiFunction.SIGMOID) return 1.0 / (1.0 + Math.exp(-4.0 * (value - centre) / width))
        val linear = function == VoiFunction.LINEAR
        val c = if (linear) centre - 0.5 else centre
        val w = if (linear) width - 1.0 else width
        if (value <= c - w / 2.0) return 0.0
        if (value > c + w / 2.0) return 1.0
        // width 0 (LINEAR of 1) is a step, and no value lies between
        return (value - c) / (if (w > 0) w else 1.0) + 0.5
    }
}

/**
 * What a film's stored values mean; images/levels.py has every formula, and this follows it step by step in float64.
 *
 * [bits]: stored, 1..16. [modality] takes the place of slope and intercept. [inverted]: MONOCHROME1.
 */
internal data class Meaning(
    val bits: Int,
    private val signed: Boolean = false,
    private val slope: Double = 1.0,
    private val intercept: Double = 0.0,
    private val modality: Lut? = null,
    private val voi: Voi? = null,
    private val inverted: Boolean = false,
) {
    /** Least value that the stored bits can hold. */
    val lowest: Int = if (signed) -(1 shl (bits - 1)) else 0

    /** float64[2^bits]: the modality value of each possible stored value, from [lowest] up. */
    fun modalityValues(): DoubleArray = DoubleArray(1 shl bits) {
        val stored = (it + lowest).toDouble()
        modality?.lookUp(stored) ?: (slope * stored + intercept)
    }

    /** Whether [table] has to know the values that occur in the film. */
    fun needsOccurring(noWindow: NoWindow): Boolean = voi == null && noWindow == NoWindow.MIN_MAX

    /**
     * Grey level of each possible stored value from [lowest] up, uint8[2^bits]; 0 is black.
     *
     * [occurs]: bool[2^bits], the values of this film; null unless [needsOccurring].
     * Throws [Refusal] IMG-NAN, IMG-FLAT, IMG-RESCALE.
     */
    fun table(occurs: BooleanArray?): ByteArray {
        val values = modalityValues()
        if (values.any { !it.isFinite() }) throw notANumber("modality transform", "rescale slope and intercept")
        val fraction =
            if (voi == null) stretch(values, occurs) else DoubleArray(values.size) { voi.fraction(values[it]) }
        if (fraction.any { !it.isFinite() }) throw notANumber("VOI transform", "window")
        return ByteArray(values.size) {
            val grey = Math.floor(255.0 * fraction[it].coerceIn(0.0, 1.0) + 0.5).toInt()
            (if (inverted) 255 - grey else grey).toByte()
        }
    }

    private fun stretch(values: DoubleArray, occurs: BooleanArray?): DoubleArray {
        var low = Double.POSITIVE_INFINITY
        var high = Double.NEGATIVE_INFINITY
        if (occurs == null && modality != null) {
            modality.checkFilled("IMG-RESCALE")
            low = 0.0
            high = ((1 shl modality.bits) - 1).toDouble()
        } else {
            for (i in values.indices) {
                if (occurs != null && !occurs[i]) continue
                low = minOf(low, values[i])
                high = maxOf(high, values[i])
            }
        }
        if (occurs != null && low == high) {
            throw Refusal(
                "IMG-FLAT",
                "the image has one value only ($low), which min-max cannot stretch",
                "choose a film with content",
            )
        }
        return DoubleArray(values.size) { (values[it] - low) / (high - low) }
    }

    private fun notANumber(what: String, fix: String): Refusal =
        Refusal("IMG-NAN", "the image: the $what gives NaN or infinity", "correct the $fix")
}
