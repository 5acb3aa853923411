package org.cxredge.core.film

import java.io.Closeable

/** A film whose headers were read and checked; its stored values can be read as often as needed. */
internal interface StoredFilm {
    /** Size as stored, before [orientation]. */
    val width: Int
    val height: Int

    /** 1 or 3. */
    val channels: Int

    /** Exif orientation, 1..8. */
    val orientation: Int
    val meaning: Meaning

    fun open(): StoredRows

    val uprightWidth: Int get() = if (orientation >= 5) height else width
    val uprightHeight: Int get() = if (orientation >= 5) width else height
}

/** The rows of one reading, top to bottom. */
internal interface StoredRows : Closeable {
    /**
     * Next row into [row], uint16[width * channels], interleaved: stored values less the least one that the bits can
     * hold. The last row throws what only a whole reading tells. Throws [org.cxredge.core.Refusal] IMG-*.
     */
    fun read(row: ShortArray)
}
