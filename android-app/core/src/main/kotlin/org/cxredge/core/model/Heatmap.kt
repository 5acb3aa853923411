package org.cxredge.core.model

import kotlin.math.abs
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/** Bilinear map of one class, cell i centred on pixel i * height / rows: images/geometry.py `upsample`. */
object Heatmap {
    /** Anchors of the ramp, dark to bright: report/heatmap.py. */
    private val RAMP = intArrayOf(0x000004, 0x320a5e, 0x781c6d, 0xbc3754, 0xed6925, 0xfbb41a, 0xfcffa4)

    /** Returns float64[height * width] of what argues for the finding, scaled to its own maximum, 0..1. */
    fun strength(cam: ClassMap, label: Int, height: Int, width: Int): DoubleArray {
        val (_, rows, columns) = cam.shape
        val first = label * rows * columns
        val positive = FloatArray(rows * columns) { max(cam.values[first + it], 0f) }
        val peak = positive.max()
        if (peak > 0) for (i in positive.indices) positive[i] /= peak
        val down = Array(height) { Tent(it, rows, height) }
        val across = Array(width) { Tent(it, columns, width) }
        val strength = DoubleArray(height * width)
        val line = DoubleArray(columns)
        for (y in 0 until height) {
            for (x in line.indices) line[x] = down[y].mix { positive[it * columns + x].toDouble() }
            for (x in 0 until width) strength[y * width + x] = across[x].mix { line[it] }
        }
        return strength
    }

    /** 0..1 -> 0xRRGGBB on the ramp of report/heatmap.py. */
    fun colour(strength: Double): Int {
        val place = min(max(strength, 0.0), 1.0) * (RAMP.size - 1)
        val low = min(place.toInt(), RAMP.size - 2)
        val part = place - low
        return intArrayOf(16, 8, 0).fold(0) { colour, shift ->
            val (from, to) = (RAMP[low] shr shift and 0xff) to (RAMP[low + 1] shr shift and 0xff)
            colour or (round(from * (1 - part) + to * part).toInt() shl shift)
        }
    }

    /** The at most two cells that one pixel of an axis looks at, and their weights: images/geometry.py `tents`. */
    private class Tent(pixel: Int, cells: Int, pixels: Int) {
        private val place = min(pixel.toLong() * cells / pixels.toDouble(), cells - 1.0)
        val low = min(place.toInt(), max(cells - 2, 0))
        val high = min(low + 1, cells - 1)
        val lowWeight = 1 - abs(place - low)
        val highWeight = if (high == low) 0.0 else 1 - abs(place - high)

        inline fun mix(cell: (Int) -> Double): Double = lowWeight * cell(low) + highWeight * cell(high)
    }
}
