package org.cxredge.core.film

import java.io.Closeable

/** Rows of a decoded picture, top to bottom, as stored (not turned upright). */
interface PixelRows : Closeable {
    val width: Int
    val height: Int

    /** 1 or 3. A decoder that knows colour only may give a grey picture as three equal channels. */
    val channels: Int

    /** Next row into [row], uint8[width * channels], interleaved. Refused by IMG-DAMAGED, IMG-TRUNCATED. */
    fun read(row: ByteArray)
}

/** The platform's JPEG decoder; every other format is read by the core itself. */
fun interface JpegDecoder {
    /**
     * Opens a stream whose headers were checked, and which holds no colour profile any more; `min-max` opens it twice.
     * Exif orientation must not be applied.
     * Refused by IMG-DAMAGED, IMG-TRUNCATED. Must not hold the whole picture in memory at more than a byte a
     * sample.
     */
    fun open(jpeg: ByteArray): PixelRows
}

/** What to do with a picture in colour where the model takes grey. */
enum class Colour {
    REFUSE,

    /** ITU-R 601 luma as Pillow's mode L; outside the verified preprocessing, so only after the user said so. */
    TO_GREY,
}

/** A film as the model sees it. */
class Film(
    /** uint8[channels, height, width] of the spec, row-major. */
    val pixels: ByteArray,
    /** Upright size of the film itself. */
    val width: Int,
    val height: Int,
    /** Whether colour was turned to grey: outside the verified preprocessing. */
    val greyed: Boolean,
)

/** A film as people see it: upright. [pixels]: uint8[height, width, channels], row-major; [channels]: 1 or 3. */
class DisplayPicture(val pixels: ByteArray, val width: Int, val height: Int, val channels: Int)

/** What one reading of a film gives. */
class FilmAndPicture(val film: Film, val picture: DisplayPicture)

/** Where a film lies in the fitted picture, both in film pixels: docs and images/geometry.py have the formulas. */
data class Frame(val rows: Int, val columns: Int, val top: Int, val left: Int)

/**
 * From a film's bytes to the model's pixels, bit for bit what Pillow gives on the host (docs/preprocessing.md).
 *
 * The film itself never exists in memory: rows are decoded, levelled and added to the result one by one. `min-max`
 * decodes twice, first for the extremes.
 */
class Preprocessor(private val jpeg: JpegDecoder) {
    /** [film]: a whole file. Refused by IMG-* (codes of docs/errors.md). */
    fun preprocess(film: ByteArray, spec: InputSpec, colour: Colour = Colour.REFUSE): Film {
        val stored = openFilm(film, jpeg, spec, colour)
        val model = Resampler.fitted(stored, spec)
        val greyed = stream(stored, spec, colour, listOf(model))
        return film(stored, model, greyed)
    }

    /**
     * As [preprocess], and from the same reading a picture to show, whole and at most [side] pixels wide and high.
     * Refused by IMG-*.
     */
    fun preprocessAndShow(
        film: ByteArray,
        spec: InputSpec,
        side: Int,
        colour: Colour = Colour.REFUSE,
    ): FilmAndPicture {
        val stored = openFilm(film, jpeg, spec, colour)
        val model = Resampler.fitted(stored, spec)
        val display = FilmDisplay(stored, spec.channels, side)
        val greyed = stream(stored, spec, colour, listOf(model, display.resampler))
        return FilmAndPicture(film(stored, model, greyed), display.picture())
    }

    private fun film(stored: StoredFilm, model: Resampler, greyed: Boolean): Film =
        Film(model.planar(), stored.uprightWidth, stored.uprightHeight, greyed)

    companion object {
        /** The frame of an upright film of [height] x [width] pixels, sides 1..65,535. */
        fun frame(height: Int, width: Int, spec: InputSpec): Frame = frameOf(height, width, spec)
    }
}
