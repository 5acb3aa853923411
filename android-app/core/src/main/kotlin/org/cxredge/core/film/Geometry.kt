package org.cxredge.core.film

import org.cxredge.core.Refusal

/**
 * The frame of a film of [height] x [width] pixels, sides 1..65,535; images/preprocess.py has the formulas in words.
 * Sizes beyond an Int, which only bars can reach, are given as the largest Int.
 */
internal fun frameOf(height: Int, width: Int, spec: InputSpec): Frame {
    if (spec.fit == Fit.SQUASH) return Frame(height, width, 0, 0)
    val h = height.toLong()
    val w = width.toLong()
    val wide = w * spec.height > h * spec.width
    val rows = ((2 * w * spec.height + spec.width) / (2L * spec.width)).coerceAtMost(Int.MAX_VALUE.toLong()).toInt()
    val columns = ((2 * h * spec.width + spec.height) / (2L * spec.height)).coerceAtMost(Int.MAX_VALUE.toLong()).toInt()
    if (spec.fit == Fit.CROP) {
        val kept = if (wide) Frame(height, maxOf(1, columns), 0, 0) else Frame(maxOf(1, rows), width, 0, 0)
        return kept.copy(top = -((height - kept.rows) / 2), left = -((width - kept.columns) / 2))
    }
    val padded = if (wide) Frame(rows, width, 0, 0) else Frame(height, columns, 0, 0)
    return padded.copy(top = (padded.rows - height) / 2, left = (padded.columns - width) / 2)
}

/** [frameOf], refusing by IMG-SIZE bars that would make a picture above the pixel limit, as the host does. */
internal fun checkedFrame(height: Int, width: Int, spec: InputSpec): Frame {
    val frame = frameOf(height, width, spec)
    if (frame.rows.toLong() * frame.columns > MAX_PIXELS) {
        throw Refusal(
            "IMG-SIZE",
            "a film of $height rows x $width columns would be padded to ${frame.rows} x ${frame.columns}, " +
                "above $MAX_PIXELS pixels",
            "choose a film whose sides are more alike",
        )
    }
    return frame
}
