package org.cxredge.core.film

/**
 * A film's rows, as stored, to its upright, fitted and resized picture: the width first, then the height, each pass
 * rounding to 8 bits (images/resample.py).
 *
 * Upright films: each row is resized at once, and rows of the result are summed over resized rows. Films whose rows
 * stand upright as columns (orientations 5 to 8): columns are summed over rows, and each is resized. Held at a time: the
 * result, and as many lines as an output spans.
 */
internal class Resampler(
    film: StoredFilm,
    private val channels: Int,
    frame: Frame,
    private val height: Int,
    private val width: Int,
    pad: Int,
) {
    // images/raster.py, turn()
    private val transposed = film.orientation >= 5
    private val rows =
        Axis(film.uprightHeight, frame.rows, frame.top, height, film.orientation in setOf(3, 4, 7, 8), pad)
    private val columns =
        Axis(film.uprightWidth, frame.columns, frame.left, width, film.orientation in setOf(2, 3, 6, 7), pad)

    /** uint8[height, width, channels], complete after the last row. */
    val pixels = ByteArray(height * width * channels)

    private val gather = Gather(if (transposed) rows else columns, channels)
    private val accumulate =
        if (transposed) {
            Accumulate(columns, film.width * channels) { column, line ->
                gather.resize(line)
                for (y in 0 until height) {
                    for (c in 0 until channels) {
                        pixels[(y * width + column) * channels + c] = gather.line[y * channels + c]
                    }
                }
            }
        } else {
            Accumulate(rows, width * channels) { row, line -> line.copyInto(pixels, row * width * channels) }
        }

    /** [row]: uint8[stored width * channels], the next of the film. */
    fun add(row: ByteArray) {
        if (transposed) return accumulate.add(row)
        if (accumulate.reached()) gather.resize(row)
        accumulate.add(gather.line)
    }

    /** uint8[channels, height, width]. */
    fun planar(): ByteArray {
        if (channels == 1) return pixels
        val plane = height * width
        return ByteArray(pixels.size) { pixels[(it % plane) * channels + it / plane] }
    }

    companion object {
        /** What the model takes. Throws [org.cxredge.core.Refusal] IMG-SIZE where the bars would be too large. */
        fun fitted(film: StoredFilm, spec: InputSpec): Resampler {
            val frame = checkedFrame(film.uprightHeight, film.uprightWidth, spec)
            return Resampler(film, spec.channels, frame, spec.height, spec.width, spec.padValue)
        }

        /** The whole film at [height] x [width]. */
        fun whole(film: StoredFilm, channels: Int, height: Int, width: Int): Resampler {
            val frame = Frame(film.uprightHeight, film.uprightWidth, 0, 0)
            return Resampler(film, channels, frame, height, width, pad = 0)
        }
    }
}
