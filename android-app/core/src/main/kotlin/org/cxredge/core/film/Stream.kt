package org.cxredge.core.film

import org.cxredge.core.Refusal

/**
 * Reads a film once (twice for `min-max`), as 8-bit levels of the spec's channels, into every one of [sinks].
 *
 * Returns whether colour was turned to grey. Throws [Refusal] IMG-COLOUR, IMG-GREY, IMG-NAN, IMG-RESCALE, whatever the
 * film's rows throw, and after the last row IMG-FLAT: what the sinks hold by then counts for nothing.
 */
internal fun stream(film: StoredFilm, spec: InputSpec, colour: Colour, sinks: List<Resampler>): Boolean {
    if (spec.channels == 3 && film.channels == 1) {
        throw Refusal("IMG-GREY", "the image is grey, and this model takes colour", "choose a colour image")
    }
    var occurs: BooleanArray? = null
    if (film.meaning.needsOccurring(spec.noWindow)) {
        val seen = BooleanArray(1 shl film.meaning.bits)
        eachRow(film, spec.channels, colour) { row, samples ->
            for (i in 0 until samples) seen[row[i].toInt() and 0xFFFF] = true
        }
        occurs = seen
    }
    val table = film.meaning.table(occurs)
    val identity = table.size == 256 && table.indices.all { table[it] == it.toByte() }
    val grey = ByteArray(film.width * spec.channels)
    val span = Span()
    val greyed = eachRow(film, spec.channels, colour) { row, samples ->
        if (identity) {
            for (i in 0 until samples) grey[i] = row[i].toByte()
        } else {
            for (i in 0 until samples) grey[i] = table[row[i].toInt() and 0xFFFF]
        }
        span.add(grey)
        for (sink in sinks) sink.add(grey)
    }
    span.check()
    return greyed
}

/** The least and the greatest grey level of a film, looked for until they are far enough apart. */
private class Span {
    private var least = 255
    private var greatest = 0

    fun add(row: ByteArray) {
        if (greatest - least >= MIN_SPAN) return
        for (sample in row) {
            val level = sample.toInt() and 255
            least = minOf(least, level)
            greatest = maxOf(greatest, level)
        }
    }

    /** Throws [Refusal] IMG-FLAT. */
    fun check() {
        if (greatest == least) {
            throw Refusal(
                "IMG-FLAT",
                "the image has one grey level only, $least of 255",
                "choose a film with content, or correct the window or the bits in its header",
            )
        }
        if (greatest - least < MIN_SPAN) {
            throw Refusal(
                "IMG-FLAT",
                "the image has grey levels $least to $greatest of 255 only; they must be $MIN_SPAN apart at least",
                "correct the window or the bits in its header, or choose a film with content",
            )
        }
    }
}

/**
 * Every row of one reading, with the wanted channels at its front, and how many samples they are. Colour is told
 * after the last row, as on the host, where damage comes first. Returns whether it was turned to grey.
 */
private inline fun eachRow(film: StoredFilm, wanted: Int, colour: Colour, use: (ShortArray, Int) -> Unit): Boolean {
    val row = ShortArray(film.width * film.channels)
    val reduce = film.channels == 3 && wanted == 1
    var inColour = false
    film.open().use { rows ->
        repeat(film.height) {
            rows.read(row)
            if (reduce && toGrey(row, film.width)) inColour = true
            use(row, film.width * wanted)
        }
    }
    if (inColour && colour == Colour.REFUSE) throw coloured("is in colour")
    return inColour
}

/**
 * uint8 RGB to grey in place, by ITU-R BT.601 luma in Pillow's fixed point, which leaves three equal channels as they
 * are. Returns whether any pixel had colour.
 */
private fun toGrey(row: ShortArray, pixels: Int): Boolean {
    var inColour = false
    for (i in 0 until pixels) {
        val red = row[3 * i].toInt()
        val green = row[3 * i + 1].toInt()
        val blue = row[3 * i + 2].toInt()
        if (red != green || green != blue) inColour = true
        row[i] = ((19595 * red + 38470 * green + 7471 * blue + 0x8000) shr 16).toShort()
    }
    return inColour
}
