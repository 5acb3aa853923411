package org.cxredge.core.film

/** A reduced picture of the whole film, for people: upright, its longer side [side] pixels at most, never enlarged. */
internal class FilmDisplay(film: StoredFilm, private val channels: Int, side: Int) {
    private val longer = maxOf(film.uprightHeight, film.uprightWidth)
    private val height = reduced(film.uprightHeight, side)
    private val width = reduced(film.uprightWidth, side)
    val resampler: Resampler = Resampler.whole(film, channels, height, width)

    fun picture(): DisplayPicture = DisplayPicture(resampler.pixels, width, height, channels)

    private fun reduced(length: Int, side: Int): Int {
        require(side >= 1) { "a side of $side pixels" }
        if (longer <= side) return length
        return maxOf(1, ((2L * length * side + longer) / (2L * longer)).toInt())
    }
}
