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

    private val ramped: TestDicom.() -> Unit = {
        words(DicomTag.LUT_DESCRIPTOR, "US", 4096, 0, 16).words(DicomTag.LUT_DATA, "OW", *ramp)
    }

    /** A grey film's elements; the one of [tag] has [value] by the value representation [vr], or is left out. */
    private fun film(tag: Int, vr: String?, value: ByteArray, encoding: Encoding = Encoding.EXPLICIT): ByteArray {
        val numbers = mapOf(
            DicomTag.SAMPLES to 1, DicomTag.ROWS to 1, DicomTag.COLUMNS to 4, DicomTag.BITS_ALLOCATED to 16,
            DicomTag.BITS_STORED to 12,
        )
        val texts = mapOf(DicomTag.PHOTOMETRIC to "MONOCHROME2", DicomTag.CENTRE to "2048", DicomTag.WIDTH to "4096")
        val film = TestDicom(encoding)
        for ((other, number) in numbers - tag) film.words(other, "US", number)
        for ((other, text) in texts - tag) film.text(other, DicomTag.VR.getValue(other), text)
        if (vr != null) film.element(tag, vr, value)
        return film.pixels(*stored)
    }

    @Test
    fun `an element that counts has its own value representation, or none that is known`() {
        fun damaged(film: ByteArray, vr: String) {
            val reason = refused("IMG-DAMAGED", film).reason
            assertTrue("has the value representation $vr" in reason, reason)
        }
        val plain = levels(film(DicomTag.CENTRE, "DS", "2048".toByteArray()))
        val two = byteArrayOf(4, 0)
        val kinds = mapOf(
            DicomTag.CENTRE to (listOf("FD", "LO", "IS", "SQ", "OB", "XX") to "2048".toByteArray()),
            DicomTag.COLUMNS to (listOf("IS", "AT", "UL", "SS", "OW") to two),
            DicomTag.PHOTOMETRIC to (listOf("OB", "PN", "LO", "UC") to "MONOCHROME2 ".toByteArray()),
            DicomTag.FRAMES to (listOf("US", "DS", "UV") to "1 ".toByteArray()),
            DicomTag.SOP_CLASS to (listOf("LO", "UT") to "1.2 ".toByteArray()),
        )
        for ((tag, kind) in kinds) {
            for (vr in kind.first) damaged(film(tag, vr, kind.second), vr)
            for (vr in kind.first) assertEquals(plain, levels(film(tag, vr, kind.second, Encoding.IMPLICIT)))
            for (vr in listOf("UN", DicomTag.VR.getValue(tag))) {
                assertEquals(plain, levels(film(tag, vr, kind.second)), "${tagName(tag)} $vr")
            }
        }
        fun grey(more: TestDicom.() -> Unit) = TestDicom().grey(1, 4).apply(more)
        val sequences =
            listOf(DicomTag.VOI_LUT, DicomTag.MODALITY_LUT, DicomTag.PRESENTATION_LUT, DicomTag.SHARED_GROUPS)
        for (tag in sequences) for (vr in listOf("OB", "LO", "UT")) {
            damaged(grey { element(tag, vr, ByteArray(0)) }.pixels(*stored), vr)
        }
        val data = ByteArray(8192) { (ramp[it / 2] shr 8 * (it % 2)).toByte() }
        fun table(descriptor: String, vr: String) = grey {
            sequence(DicomTag.VOI_LUT, {
                words(DicomTag.LUT_DESCRIPTOR, descriptor, 4096, 0, 16).element(DicomTag.LUT_DATA, vr, data)
            })
        }.pixels(*stored)
        for (vr in listOf("US", "SS", "OW", "OB", "UN")) {
            assertEquals(expected, levels(table(vr, "OW")), vr)
            assertEquals(expected, levels(table("US", vr)), vr)
        }
        for (vr in listOf("UL", "LO", "OF")) {
            damaged(table(vr, "OW"), vr)
            damaged(table("US", vr), vr)
        }
        val samples = ByteArray(8) { (stored[it / 2] shr 8 * (it % 2)).toByte() }
        for (vr in listOf("OB", "OW", "UN")) assertEquals(4, levels(grey {}.pixels(vr, samples)).size)
        for (vr in listOf("US", "UT", "SQ", "OF")) damaged(grey {}.pixels(vr, samples), vr)
        // what stands in other places does not count
        val elsewhere = grey { sequence(0x00091140, { element(DicomTag.ROWS, "UL", ByteArray(4)) }) }
        assertEquals(4, levels(elsewhere.pixels(*stored)).size)
    }

    @Test
    fun `an element that is empty, or blank where it is text, is as if it were absent`() {
        val numbers = listOf(
            DicomTag.ROWS, DicomTag.COLUMNS, DicomTag.BITS_ALLOCATED, DicomTag.BITS_STORED, DicomTag.SAMPLES,
            DicomTag.HIGH_BIT, DicomTag.REPRESENTATION,
        )
        val texts = listOf(
            DicomTag.PHOTOMETRIC, DicomTag.CENTRE, DicomTag.WIDTH, DicomTag.FRAMES, DicomTag.SOP_CLASS,
            DicomTag.SLOPE, DicomTag.INTERCEPT, DicomTag.VOI_FUNCTION, DicomTag.PRESENTATION_SHAPE,
            DicomTag.MODALITY, DicomTag.BODY_PART, DicomTag.VIEW,
        )
        val asked = spec.copy(modalities = listOf("CR"), bodyParts = listOf("CHEST"), views = listOf("PA"))
        fun answer(film: ByteArray, spec: InputSpec): Any =
            try {
                levels(film, spec)
            } catch (refusal: Refusal) {
                refusal.code
            }
        for (encoding in Encoding.entries) for (tag in numbers + texts) {
            val blanks = if (tag in texts) listOf("", "  ", "\u0000\u0000", " \u0000", "\u0000 ") else listOf("")
            for (vr in listOf("UN", DicomTag.VR.getValue(tag))) for (blank in blanks) {
                for (asking in listOf(spec, asked, asked.copy(modalities = emptyList()))) {
                    val absent = answer(film(tag, null, ByteArray(0), encoding), asking)
                    val given = answer(film(tag, vr, blank.toByteArray(), encoding), asking)
                    assertEquals(absent, given, "${tagName(tag)} $vr $encoding")
                }
            }
        }
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
        assertEquals(4, levels(film { sequence(DicomTag.MODALITY_LUT, ramped) }).size)
        for (second in listOf<TestDicom.() -> Unit>(ramped, {})) {
            refused("IMG-RESCALE", film { sequence(DicomTag.MODALITY_LUT, ramped, second) })
            assertEquals(expected, levels(film { sequence(DicomTag.VOI_LUT, ramped, second) }))
        }
    }
}
