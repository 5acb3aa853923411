package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** A film whose grey levels lie too close together is refused, by whatever path they came, after its last row. */
class FlatFilmsTest {
    private val spec = InputSpec(1, 16, 16, Fit.PAD, 0, NoWindow.STORED_RANGE)
    private val preprocessor = Preprocessor(IMAGE_IO)

    private fun flat(film: ByteArray, spec: InputSpec = this.spec): Refusal {
        refused("IMG-FLAT") { preprocessor.preprocessAndShow(film, spec, side = 4) }
        return refused("IMG-FLAT") { preprocessor.preprocess(film, spec) }
    }

    private fun read(film: ByteArray, spec: InputSpec = this.spec): Film = preprocessor.preprocess(film, spec)

    /** A film of [rows] rows at [low] whose last pixel alone is at [high]. */
    private fun png(low: Int, high: Int, rows: Int = 40): ByteArray {
        val line = ByteArray(31) { if (it == 0) 0 else low.toByte() }
        val last = line.clone().also { it[30] = high.toByte() }
        return TestPng().header(rows, 30).image(generateSequence { line }.take(rows - 1) + last).end()
    }

    @Test
    fun `the least span is what the host wants`() {
        assertEquals(17, MIN_SPAN)
        for (low in listOf(0, 100, 238)) {
            flat(png(low, low + 16))
            assertEquals(30, read(png(low, low + 17)).width)
        }
        assertTrue("one grey level" in flat(png(77, 77)).reason)
        val words = flat(png(60, 70)).reason
        assertTrue("60" in words && "70" in words && "17" in words, words)
        flat(png(3, 3, rows = 1))
    }

    @Test
    fun `by a window, a VOI LUT, the stored range, colour and JPEG`() {
        val stored = IntArray(12) { 1000 + 40 * it }
        fun film(more: TestDicom.() -> Unit = {}) = TestDicom().grey(3, 4).apply(more).pixels(*stored)
        assertEquals(4, read(film()).width)
        flat(film { text(DicomTag.CENTRE, "DS", "40").text(DicomTag.WIDTH, "DS", "80") })
        flat(film { text(DicomTag.CENTRE, "DS", "1200").text(DicomTag.WIDTH, "DS", "90000") })
        flat(film { lut(DicomTag.VOI_LUT, "US", 2000, 16, IntArray(500) { 131 * it }) })
        flat(film { rescale("0.001", "0").text(DicomTag.CENTRE, "DS", "400").text(DicomTag.WIDTH, "DS", "800") })
        // 12 bits called 16: the whole range is one of 16 levels
        flat(TestDicom().grey(1, 3, stored = 16).pixels(0, 2000, 4095))
        assertEquals(3, read(TestDicom().grey(1, 3, stored = 16).pixels(0, 2000, 4371)).width)
        flat(TestDicom().grey(1, 3, stored = 16).pixels(9, 9, 9), spec.copy(noWindow = NoWindow.MIN_MAX))
        assertEquals(3, read(TestDicom().grey(1, 3).pixels(9, 10, 9), spec.copy(noWindow = NoWindow.MIN_MAX)).width)

        val colour = spec.copy(channels = 3)
        fun rgb(vararg levels: Int) = TestDicom().rgb(1, levels.size / 3).pixels("OB", TestJpeg.bytes(*levels))
        flat(rgb(10, 20, 26, 12, 20, 20), colour)
        // all channels together: one that differs is enough
        assertEquals(2, read(rgb(10, 20, 27, 12, 20, 20), colour).width)
        // a colour film for a model that takes grey is refused as that
        refused("IMG-COLOUR") { read(rgb(10, 20, 26, 12, 20, 20)) }
        refused("IMG-FLAT") { preprocessor.preprocess(rgb(10, 20, 26, 12, 20, 20), spec, Colour.TO_GREY) }

        fun rows(last: Int) = JpegDecoder {
            object : PixelRows {
                override val width = 20
                override val height = 10
                override val channels = 1
                private var y = 0

                override fun read(row: ByteArray) = row.fill(if (++y == height) last.toByte() else 40)

                override fun close() = Unit
            }
        }
        val jpeg = TestJpeg.header(height = 10, width = 20)
        refused("IMG-FLAT") { Preprocessor(rows(last = 56)).preprocess(jpeg, spec) }
        assertEquals(20, Preprocessor(rows(last = 57)).preprocess(jpeg, spec).width)
    }
}
