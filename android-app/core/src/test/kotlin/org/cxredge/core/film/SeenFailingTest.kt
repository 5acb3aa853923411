package org.cxredge.core.film

import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory
import java.io.File

/** Films of tests/cases on which a reader was seen to fail, each with its right answer. */
class SeenFailingTest {
    private val spec = InputSpec(1, 32, 32, Fit.PAD, 0, NoWindow.STORED_RANGE)
    private val folder = File(System.getProperty("cxr.cases"))

    /** Least and greatest level, and the sum of all, of 48 x 40 pixels. */
    private val read = mapOf(
        "voi_lut_first_negative_implicit" to Triple(19, 219, 141_055),
        "voi_lut_first_ss_explicit" to Triple(19, 219, 141_055),
        "voi_lut_12bit_entries_called_12" to Triple(19, 219, 140_987),
        "overlay_bits_native" to Triple(19, 219, 140_987),
        "pixels_128_bytes_more" to Triple(19, 219, 140_987),
        "rgb_equal_channels" to Triple(18, 220, 140_636),
    )
    private val refused = mapOf(
        "voi_lut_12bit_entries_called_16" to "IMG-WINDOW",
        "window_misses_film" to "IMG-FLAT",
        "q_items_200k_deflated" to "IMG-SIZE",
        "overlay_bits_rle" to "IMG-SYNTAX",
        "overlay_bits_j2k" to "IMG-SYNTAX",
    )

    private fun film(name: String): ByteArray = folder.resolve("$name.dcm").readBytes()

    @TestFactory
    fun `films that are read`(): List<DynamicTest> = read.map { (name, expected) ->
        dynamicTest(name) {
            val levels = grey(openFilm(film(name), IMAGE_IO, spec, Colour.REFUSE), spec).map { it.toInt() and 255 }
            assertEquals(expected, Triple(levels.min(), levels.max(), levels.sum()))
            assertEquals(48 * 40, levels.size)
        }
    }

    @TestFactory
    fun `films that are refused`(): List<DynamicTest> = refused.map { (name, code) ->
        dynamicTest(name) {
            refused(code) { Preprocessor(IMAGE_IO).preprocess(film(name), spec) }
            refused(code) { Preprocessor(IMAGE_IO).preprocessAndShow(film(name), spec, side = 20) }
        }
    }
}
