package org.cxredge.core.film

import java.io.File

/**
 * What benchmarks/preprocess_jvm.py talks to: each line `png` or `rows` on standard input is one preprocessing of the
 * PNG file given, or of its decoded pixels row by row; the answer is its milliseconds and the result's SHA-256.
 *
 * Arguments: the file, the pixels (uint8[h, w], raw), h, w, and the model's side.
 */
internal object PreprocessTimes {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val (height, width, side) = arguments.drop(2).map { it.toInt() }
        val png = File(arguments[0]).readBytes()
        val rows = ArrayFilm(File(arguments[1]).readBytes(), height, width, channels = 1)
        val spec = InputSpec(1, side, side, Fit.SQUASH, 0, NoWindow.STORED_RANGE)
        val preprocessor = Preprocessor(JpegDecoder { error("no JPEG here") })
        for (line in generateSequence(::readLine)) {
            val start = System.nanoTime()
            val pixels = if (line == "png") {
                preprocessor.preprocess(png, spec).pixels
            } else {
                Resampler.fitted(rows, spec).also { stream(rows, spec, Colour.REFUSE, listOf(it)) }.pixels
            }
            println("${(System.nanoTime() - start) / 1e6} ${sha256(pixels)}")
        }
    }
}
