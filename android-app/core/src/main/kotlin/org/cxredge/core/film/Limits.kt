package org.cxredge.core.film

import org.cxredge.core.Refusal

/** Most pixels of a film, decoded or padded, as on the host. Checked before anything is decoded. */
internal const val MAX_PIXELS: Long = 64L * 1024 * 1024

/**
 * Most rows or columns. DICOM (16-bit Rows and Columns) and JPEG (T.81 B.2.2) cannot say more; a PNG that does could
 * make one row as large as the largest film.
 */
internal const val MAX_SIDE: Long = 65_535

/** Most elements and items of a DICOM header together, nested ones too, as on the host. */
internal const val MAX_ELEMENTS: Int = 100_000

/** Most DICOM sequences inside each other, as on the host. */
internal const val MAX_DEPTH: Int = 16

/** Most bytes of a DICOM header, that is before the pixels, inflated, as on the host. */
internal const val MAX_HEADER_BYTES: Long = 64L * 1024 * 1024

/** Most bytes of a DICOM film's pixels, as on the host: three samples of 8 bits, or one of 16, and some padding. */
internal const val MAX_PIXEL_BYTES: Long = 3 * MAX_PIXELS + 65_536

/** Most restart intervals of all scans of a JPEG together, at least one a scan, as on the host. */
internal const val MAX_INTERVALS: Int = 65_536

/** Most marker segments of a JPEG, those between its scans too, as on the host: each is passed several times. */
internal const val MAX_SEGMENTS: Int = 10_000

/** Most chunks of a PNG, as on the host. */
internal const val MAX_CHUNKS: Int = 100_000

/**
 * Least difference between a film's greatest and least grey level, as on the host: one that spans less was read with a
 * wrong window or wrong bits (the whole range of 12 bits called 16 gives levels 0 to 16), or shows nothing.
 */
internal const val MIN_SPAN: Int = 17

/** Refuses a film of no pixels, or of too many, by IMG-SIZE. */
internal fun checkSize(height: Long, width: Long) {
    if (height < 1 || width < 1) {
        throw Refusal("IMG-SIZE", "the image has $height rows and $width columns", "export the film again")
    }
    if (height > MAX_SIDE || width > MAX_SIDE || height * width > MAX_PIXELS) {
        throw Refusal(
            "IMG-SIZE",
            "the image has $height rows x $width columns; at most $MAX_PIXELS pixels, and $MAX_SIDE a side, are read",
            "export the film at its detector's resolution",
        )
    }
}

internal fun damaged(cause: String, error: Throwable? = null): Refusal =
    Refusal("IMG-DAMAGED", "the image: $cause", "copy or export the file again", error)

internal fun truncated(): Refusal =
    Refusal("IMG-TRUNCATED", "the image ends before its pixels do", "copy the file again")

internal fun multiFrame(kind: String): Refusal =
    Refusal("IMG-MULTIFRAME", "the image is $kind; one film is read at a time", "export each picture to its own file")

internal fun transparent(cause: String): Refusal =
    Refusal("IMG-ALPHA", "the image: $cause, and what lies behind is unknown", "save it without transparency")

internal fun coloured(cause: String): Refusal =
    Refusal("IMG-COLOUR", "the image $cause, and this model takes grey", "export the film itself, not a rendering")
