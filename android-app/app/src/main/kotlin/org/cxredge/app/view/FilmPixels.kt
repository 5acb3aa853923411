package org.cxredge.app.view

import org.cxredge.core.film.DisplayPicture
import org.cxredge.core.film.InputSpec
import org.cxredge.core.model.ClassMap
import org.cxredge.core.model.Heatmap

/** Pixels for the screen, 0xAARRGGBB. */
object FilmPixels {
    private const val OPAQUE = 0xFF shl 24

    /** int[picture.height * picture.width]. */
    fun film(picture: DisplayPicture): IntArray {
        val pixels = picture.pixels
        val channels = picture.channels
        return IntArray(picture.height * picture.width) { i ->
            val red = pixels[i * channels].toInt() and 0xFF
            val green = pixels[i * channels + channels / 2].toInt() and 0xFF
            val blue = pixels[i * channels + channels - 1].toInt() and 0xFF
            OPAQUE or (red shl 16) or (green shl 8) or blue
        }
    }

    /** The heatmap of class [label], the more opaque the stronger: int[height * width] of the model's [input]. */
    fun heat(cam: ClassMap, label: Int, input: InputSpec): IntArray {
        val strength = Heatmap.strength(cam, label, input.height, input.width)
        return IntArray(strength.size) { i -> (Math.round(strength[i] * 255).toInt() shl 24) or Heatmap.colour(strength[i]) }
    }
}
