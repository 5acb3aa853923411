package org.cxredge.app.view

import org.cxredge.app.session.FilmResult
import org.cxredge.core.Heatmap

/** Pixels for the screen: int[height * width], 0xAARRGGBB. */
object FilmPixels {
    private const val OPAQUE = 0xFF shl 24

    /** The film as the model sees it. */
    fun film(result: FilmResult): IntArray {
        val pixels = result.film.pixels
        val count = result.spec.height * result.spec.width
        fun level(channel: Int, i: Int): Int = pixels[minOf(channel, result.spec.channels - 1) * count + i].toInt() and 0xFF
        return IntArray(count) { i -> OPAQUE or (level(0, i) shl 16) or (level(1, i) shl 8) or level(2, i) }
    }

    /** The heatmap of class [label], the more opaque the stronger. */
    fun heat(result: FilmResult, label: Int): IntArray {
        val strength = Heatmap.strength(result.outputs, label, result.spec.height, result.spec.width)
        return IntArray(strength.size) { i -> (Math.round(strength[i] * 255).toInt() shl 24) or Heatmap.colour(strength[i]) }
    }
}
