package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.json.JsonNode
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** Every case of tests/vectors, stage by stage. */
class SharedVectorsTest {
    private val preprocessor = Preprocessor(IMAGE_IO)

    @TestFactory
    fun films(): List<DynamicTest> = Vectors.manifest["films"].elements(1..Int.MAX_VALUE).map {
        dynamicTest(it["name"].text()) { film(it) }
    }

    @TestFactory
    fun resizes(): List<DynamicTest> = Vectors.manifest["resizes"].elements(1..Int.MAX_VALUE).map {
        val (height, width) = Vectors.shape(it["input"])
        val (rows, columns) = Vectors.shape(it["output"])
        dynamicTest("$height x $width to $rows x $columns") {
            val spec = InputSpec(1, rows, columns, Fit.SQUASH, 0, NoWindow.STORED_RANGE)
            val film = ArrayFilm(Vectors.bytes(it["input"]), height, width, channels = 1)
            assertArrayEquals(Vectors.bytes(it["output"]), resized(film, spec))
        }
    }

    @TestFactory
    fun refusals(): List<DynamicTest> = Vectors.manifest["refusals"].elements(1..Int.MAX_VALUE).map {
        dynamicTest(it["name"].text()) {
            val refusal = assertThrows(Refusal::class.java) {
                preprocessor.preprocess(Vectors.bytes(it["source"]), spec(it["spec"]))
            }
            assertEquals(it["code"].text(), refusal.code)
        }
    }

    private fun film(case: JsonNode) {
        val spec = spec(case["spec"])
        val stages = case["stages"]
        val expected = Vectors.bytes(stages["grey"])
        val (height, width) = Vectors.shape(stages["grey"])
        val source = Vectors.bytes(case["source"])
        val actual = grey(openFilm(source, IMAGE_IO, spec, Colour.REFUSE), spec)
        if (case["exact"].flag()) {
            assertArrayEquals(expected, actual, "grey")
            val planar = preprocessor.preprocess(source, spec).pixels
            assertArrayEquals(planes(Vectors.bytes(stages["resized"]), spec), planar, "film to model")
        } else {
            assertEquals(expected.size, actual.size)
            fun level(film: ByteArray, at: Int) = film[at].toInt() and 255
            val apart = expected.indices.maxOf { Math.abs(level(expected, it) - level(actual, it)) }
            assertTrue(apart <= Vectors.manifest["grey_bound"].int(), "$apart levels apart")
        }
        // levels stay as they are from here on
        val still = spec.copy(noWindow = NoWindow.STORED_RANGE)
        val film = ArrayFilm(expected, height, width, spec.channels)
        assertArrayEquals(Vectors.bytes(stages["fitted"]), fitted(film, still), "fitted")
        assertArrayEquals(Vectors.bytes(stages["resized"]), resized(film, still), "resized")
    }

    /** uint8[h, w, ch] -> uint8[ch, h, w]. */
    private fun planes(pixels: ByteArray, spec: InputSpec): ByteArray {
        val plane = spec.height * spec.width
        return ByteArray(pixels.size) { pixels[it % plane * spec.channels + it / plane] }
    }
}
