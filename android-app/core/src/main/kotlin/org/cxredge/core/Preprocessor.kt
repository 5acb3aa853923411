package org.cxredge.core

import java.io.Closeable

/** Rows of a decoded picture, top to bottom, as stored (not turned upright). */
interface PixelRows : Closeable {
    val width: Int
    val height: Int

    /** 1 or 3. */
    val channels: Int

    /** Next row into [row], uint8[width * channels], interleaved. */
    fun read(row: ByteArray)
}

/** The platform's JPEG decoder; every other format is read by the core itself. */
fun interface JpegDecoder {
    /** Throws [Refusal] IMG-DAMAGED, IMG-TRUNCATED. Must not hold the whole picture in memory at more than a byte a sample. */
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

/** Where a film lies in the fitted picture, both in film pixels: docs and images/geometry.py have the formulas. */
data class Frame(val rows: Int, val columns: Int, val top: Int, val left: Int)

/** From a film's bytes to the model's pixels, bit for bit what Pillow gives on the host. */
class Preprocessor(private val jpeg: JpegDecoder) {
    /** Throws [Refusal] IMG-* (codes of docs/errors.md). */
    fun preprocess(film: ByteArray, spec: InputSpec, colour: Colour = Colour.REFUSE): Film = TODO()

    companion object {
        fun frame(height: Int, width: Int, spec: InputSpec): Frame = TODO()
    }
}
