package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.film.TestDicom.Encoding
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What a DICOM film's numbers mean, where writers differ: each kind in every encoding that is read. */
class DicomMeaningTest {
    private val spec = InputSpec(1, 16, 16, Fit.PAD, 0, NoWindow.STORED_RANGE)
    private val preprocessor = Preprocessor(IMAGE_IO)
    private val representations = listOf("US", "SS", "OW")

    /** Stored values of a film of one row. */
    private val stored = intArrayOf(0, 1000, 2048, 4095)

    private fun levels(film: ByteArray, spec: InputSpec = this.spec): List<Int> =
        grey(openFilm(film, IMAGE_IO, spec, Colour.REFUSE), spec).map { it.toInt() and 255 }

    private fun refused(code: String, film: ByteArray, spec: InputSpec = this.spec): Refusal =
        refused(code) { preprocessor.preprocess(film, spec) }

    /** A LUT that gives back what the stored bits hold: entries are 16 bits wide. */
    private val ramp = IntArray(4096) { it * 65535 / 4095 }
    private val expected = stored.map { Math.floor(255.0 * ramp[it] / 65535.0 + 0.5).toInt() }

    @Test
    fun `a VOI LUT's first input is signed where its inputs can be negative, however it was written`() {
        for (encoding in Encoding.entries) for (vr in representations) {
            val rescaled = TestDicom(encoding).grey(1, 4).rescale("1", "-1024")
                .lut(DicomTag.VOI_LUT, vr, -1024, 16, ramp).pixels(*stored)
            assertEquals(expected, levels(rescaled), "$encoding $vr, rescaled")
            val falling = TestDicom(encoding).grey(1, 4).rescale("-1", "0")
                .lut(DicomTag.VOI_LUT, vr, -4095, 16, ramp.reversedArray()).pixels(*stored)
            assertEquals(expected, levels(falling), "$encoding $vr, falling")
            val signed = TestDicom(encoding).grey(1, 4, signed = 1)
                .lut(DicomTag.VOI_LUT, vr, -2048, 16, ramp).pixels(*stored.map { it - 2048 }.toIntArray())
            assertEquals(expected, levels(signed), "$encoding $vr, signed pixels")
        }
    }

    @Test
    fun `a modality LUT's first input is signed where the pixels are`() {
        for (encoding in Encoding.entries) for (vr in representations) {
            val film = TestDicom(encoding).grey(1, 4, signed = 1)
                .lut(DicomTag.MODALITY_LUT, vr, -2048, 16, ramp)
                .text(DicomTag.CENTRE, "DS", "32768").text(DicomTag.WIDTH, "DS", "65536")
                .pixels(*stored.map { it - 2048 }.toIntArray())
            assertEquals(listOf(0, 62, 128, 255), levels(film), "$encoding $vr")
        }
    }

    @Test
    fun `a first input beyond 32767 is unsigned where no input can be negative`() {
        val entries = IntArray(4096) { it * 65535 / 4095 }
        for (encoding in Encoding.entries) for (vr in representations) {
            val film = TestDicom(encoding).grey(1, 4).rescale("1", "40000")
                .lut(DicomTag.VOI_LUT, vr, 40_000, 16, entries).pixels(*stored)
            assertEquals(expected, levels(film), "$encoding $vr")
            val sixteen = TestDicom(encoding).grey(1, 2, stored = 16)
                .lut(DicomTag.VOI_LUT, vr, 0x8000, 16, IntArray(0x8000) { 2 * it + 1 }).pixels(0x8000, 0xFFFF)
            assertEquals(listOf(0, 255), levels(sixteen), "$encoding $vr, 16 bits")
        }
    }

    @Test
    fun `a reading that no input meets gives way to the other`() {
        // -1024 for a film that has no negative value: 64512 would be beyond every input
        val longer = IntArray(5120) { maxOf(0, it - 1024) * 65535 / 4095 }
        val film = TestDicom().grey(1, 4).lut(DicomTag.VOI_LUT, "SS", -1024, 16, longer).pixels(*stored)
        assertEquals(expected, levels(film))
        // neither meets it: every input takes the first entry
        val far = TestDicom().grey(1, 4).lut(DicomTag.VOI_LUT, "US", 20_000, 16, ramp).pixels(*stored)
        refused("IMG-FLAT", far)
    }

    @Test
    fun `a LUT whose entries do not fill their bits is refused`() {
        fun film(tag: Int, bits: Int, greatest: Int): TestDicom =
            TestDicom().grey(1, 4).lut(tag, "US", 0, bits, IntArray(4096) { it * greatest / 4095 })
        for (bits in 9..16) {
            val half = (1 shl (bits - 1)) - 1
            val refusal = refused("IMG-WINDOW", film(DicomTag.VOI_LUT, bits, half).pixels(*stored))
            assertTrue("${bits - 1} bits" in refusal.reason && "says $bits" in refusal.reason, refusal.reason)
            assertEquals(0, levels(film(DicomTag.VOI_LUT, bits, half + 1).pixels(*stored))[0])
            refused("IMG-RESCALE", film(DicomTag.MODALITY_LUT, bits, half).pixels(*stored))
            assertEquals(0, levels(film(DicomTag.MODALITY_LUT, bits, half + 1).pixels(*stored))[0])
            // where the bits do not decide the grey, they may be any
            val minMax = spec.copy(noWindow = NoWindow.MIN_MAX)
            val extremes = levels(film(DicomTag.MODALITY_LUT, bits, half).pixels(*stored), minMax)
            assertEquals(listOf(0, 255), listOf(extremes.min(), extremes.max()))
            val window = film(DicomTag.MODALITY_LUT, bits, half)
                .text(DicomTag.CENTRE, "DS", "${half / 2}").text(DicomTag.WIDTH, "DS", "$half").pixels(*stored)
            assertEquals(255, levels(window).max())
        }
        refused("IMG-WINDOW", film(DicomTag.VOI_LUT, 16, 0).pixels(*stored))
    }

    @Test
    fun `packed entries and pixels of 8 bits lie in turned words in big-endian files`() {
        val entries = ByteArray(256) { (255 - it).toByte() }
        val samples = intArrayOf(10, 200, 30, 250, 90).map { it.toByte() }.toByteArray()
        fun turned(bytes: ByteArray) = ByteArray(bytes.size + bytes.size % 2) { bytes.getOrElse(it xor 1) { 0 } }
        for (encoding in Encoding.entries) for (vr in listOf("OB", "OW")) {
            fun written(bytes: ByteArray) = if (encoding.bigEndian && vr == "OW") turned(bytes) else bytes
            val film = TestDicom(encoding).grey(1, 5, stored = 8, allocated = 8).sequence(DicomTag.VOI_LUT, {
                words(DicomTag.LUT_DESCRIPTOR, "US", 256, 0, 8)
                element(DicomTag.LUT_DATA, vr, written(entries))
            }).pixels(vr, written(samples))
            assertEquals(listOf(245, 55, 225, 5, 165), levels(film), "$encoding $vr")
            // planes of odd length: a pair of bytes belongs to two of them
            val planes = ByteArray(9) { (20 * it).toByte() }
            val colour = TestDicom(encoding).rgb(1, 3, planar = 1).pixels(vr, written(planes))
            val interleaved = listOf(0, 60, 120, 20, 80, 140, 40, 100, 160)
            assertEquals(interleaved, levels(colour, spec.copy(channels = 3)), "$encoding $vr")
        }
    }

    @Test
    fun `zeros behind the pixels are padding, and anything else is damage`() {
        for (encoding in Encoding.entries) {
            fun film(padding: ByteArray): ByteArray {
                val eight = ByteArray(5) { (50 * it).toByte() } + padding
                return TestDicom(encoding).grey(1, 5, stored = 8, allocated = 8).pixels("OB", eight)
            }
            for (zeros in listOf(0, 1, 2, 3, 128, 70_000)) {
                assertEquals(listOf(0, 50, 100, 150, 200), levels(film(ByteArray(zeros))), "$encoding, $zeros zeros")
            }
            // what makes an odd length even
            assertEquals(5, levels(film(byteArrayOf(7))).size)
            for (at in listOf(1, 2, 70_000)) {
                refused("IMG-DAMAGED", film(ByteArray(70_001).also { it[at] = 1 }))
            }
        }
        val cut = TestDicom().grey(1, 5, stored = 8, allocated = 8).pixels("OB", ByteArray(128)).dropLast(9)
        refused("IMG-TRUNCATED", cut.toByteArray())
    }

    @Test
    fun `bits above the stored ones are no part of a value, and its own top bit is its sign`() {
        for (signed in 0..1) {
            val plain = stored.map { it - 2048 * signed }.toIntArray()
            val above = plain.mapIndexed { i, value -> value and 0xFFF or (i * 0x5000 and 0xF000) }.toIntArray()
            fun film(values: IntArray) = TestDicom().grey(1, 4, signed = signed).pixels(*values)
            assertEquals(levels(film(plain)), levels(film(above)), "signed $signed")
            assertEquals(listOf(0, 62, 128, 255), levels(film(above)), "signed $signed")
        }
    }

    @Test
    fun `RGB of three equal channels is grey, and colour is told from the pixels`() {
        val levels = listOf(0, 90, 255)
        val triples = levels.flatMap { level -> List(3) { level.toByte() } }.toByteArray()
        val planes = (levels + levels + levels).map { it.toByte() }.toByteArray()
        for ((planar, pixels) in listOf(triples, planes).withIndex()) {
            fun film(bytes: ByteArray) = TestDicom().rgb(1, 3, planar = planar).pixels("OB", bytes)
            assertEquals(levels, levels(film(pixels)))
            assertFalse(preprocessor.preprocess(film(pixels), spec, Colour.TO_GREY).greyed)
            for (at in pixels.indices) {
                val coloured = film(pixels.clone().also { it[at] = 77 })
                refused("IMG-COLOUR", coloured)
                assertTrue(preprocessor.preprocess(coloured, spec, Colour.TO_GREY).greyed)
            }
            refused("IMG-TRUNCATED", film(pixels.copyOf(8)))
        }
        refused("IMG-DAMAGED", TestDicom().rgb(1, 3, signed = 1).pixels("OB", triples))
        refused("IMG-FLAT", TestDicom().rgb(1, 3).pixels("OB", ByteArray(9) { 80 }))
    }

    @Test
    fun `objects of one frame whose meaning stands elsewhere are refused`() {
        fun film(more: TestDicom.() -> Unit) = TestDicom().apply(more).grey(1, 4).pixels(*stored)
        assertEquals(4, levels(film {}).size)
        val segmentations = listOf("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
        for (uid in segmentations) refused("IMG-MULTIFRAME", film { text(DicomTag.SOP_CLASS, "UI", uid) })
        assertEquals(4, levels(film { text(DicomTag.SOP_CLASS, "UI", "1.2.840.10008.5.1.4.1.1.1.1") }).size)
        for (tag in listOf(DicomTag.SHARED_GROUPS, DicomTag.FRAME_GROUPS)) {
            val refusal = refused("IMG-MULTIFRAME", film { sequence(tag, { words(DicomTag.SAMPLES, "US", 1) }) })
            assertTrue("functional groups" in refusal.reason)
        }
        assertTrue("(2 frames)" in refused("IMG-MULTIFRAME", film { text(DicomTag.FRAMES, "IS", "2") }).reason)
    }

    @Test
    fun `a modality transform is one, and of windows and VOI LUTs the first counts`() {
        fun film(more: TestDicom.() -> Unit) = TestDicom().grey(1, 4).apply(more).pixels(*stored)
        val window: TestDicom.() -> Unit = { text(DicomTag.CENTRE, "DS", "2048").text(DicomTag.WIDTH, "DS", "4096") }
        val plain = levels(film(window))
        assertEquals(plain, levels(film { rescale("1 ", " 0 ").window() }))
        for (two in listOf("1\\1", "1\\0", "1\\", "\\1", "1\\nan")) {
            refused("IMG-RESCALE", film { rescale(two, "0").window() })
            refused("IMG-RESCALE", film { rescale("1", two).window() })
            refused("IMG-RESCALE", film { text(DicomTag.SLOPE, "DS", two).window() })
        }
        val several = film { text(DicomTag.CENTRE, "DS", "2048\\9").text(DicomTag.WIDTH, "DS", "4096\\5") }
        assertEquals(plain, levels(several))
        val table: TestDicom.() -> Unit = {
            words(DicomTag.LUT_DESCRIPTOR, "US", 4096, 0, 16).words(DicomTag.LUT_DATA, "OW", *ramp)
        }
        assertEquals(4, levels(film { sequence(DicomTag.MODALITY_LUT, table) }).size)
        for (second in listOf<TestDicom.() -> Unit>(table, {})) {
            refused("IMG-RESCALE", film { sequence(DicomTag.MODALITY_LUT, table, second) })
            assertEquals(expected, levels(film { sequence(DicomTag.VOI_LUT, table, second) }))
        }
    }
}
