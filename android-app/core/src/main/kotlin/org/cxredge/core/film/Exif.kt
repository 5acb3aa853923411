package org.cxredge.core.film

import org.cxredge.core.Refusal

private const val ORIENTATION = 0x0112L

/**
 * Exif orientation 1..8 of the TIFF-structured Exif block at [from] until [to] (Exif 2.32); 1 where the tag is absent.
 * Only the first directory counts; XMP is not read. Throws [Refusal] IMG-ORIENTATION, where the directory has the tag
 * twice too.
 */
internal fun orientation(data: ByteArray, from: Int, to: Int): Int {
    val entry = try {
        val tiff = Tiff(data, from, to)
        if (tiff.several(ORIENTATION)) throw orientationTwice("two entries of its Exif directory")
        tiff.find(ORIENTATION) ?: return 1
    } catch (error: TiffException) {
        throw orientationRefused("its Exif block ${error.message}, so which way is up is unknown")
    }
    if (entry.type != Tiff.SHORT || entry.count != 1L) throw orientationRefused("its Exif orientation is not one SHORT")
    if (entry.value !in 1..8) throw orientationRefused("its Exif orientation is ${entry.value}")
    return entry.value.toInt()
}

/** Whatever the two say: readers take either. [where]: what holds them. */
internal fun orientationTwice(where: String): Refusal =
    orientationRefused("its orientation is given twice, by $where, so which way is up is unknown")

private fun orientationRefused(cause: String): Refusal =
    Refusal("IMG-ORIENTATION", "the image: $cause", "turn the film upright and save it without Exif data")
