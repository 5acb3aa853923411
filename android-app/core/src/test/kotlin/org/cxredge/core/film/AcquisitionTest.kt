package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What is asked of a DICOM header; film_dicoms.py holds every code to the host's answer. */
class AcquisitionTest {
    private val any = InputSpec(1, 16, 16, Fit.PAD, 0, NoWindow.STORED_RANGE)
    private val chest = any.copy(
        modalities = listOf("CR", "DX"), bodyParts = listOf("CHEST"), views = listOf("PA", "AP"),
    )
    private val preprocessor = Preprocessor(IMAGE_IO)

    /** A film of 2 x 2 pixels in explicit little-endian, with these codes, and [more] between head and pixels. */
    private fun film(modality: String?, part: String? = null, view: String? = null, more: String = ""): ByteArray {
        fun element(tag: Int, vr: String, value: String): String {
            val even = if (value.length % 2 == 0) value else "$value "
            return word(tag ushr 16) + word(tag and 0xFFFF) + vr + word(even.length) + even
        }
        fun number(tag: Int, value: Int) = element(tag, "US", word(value))
        val uid = "1.2.840.10008.1.2.1\u0000"
        val text = "\u0000".repeat(128) + "DICM" + element(0x00020010, "UI", uid) +
            modality?.let { element(DicomTag.MODALITY, "CS", it) }.orEmpty() +
            part?.let { element(DicomTag.BODY_PART, "CS", it) }.orEmpty() +
            view?.let { element(DicomTag.VIEW, "CS", it) }.orEmpty() + more +
            number(DicomTag.SAMPLES, 1) + element(DicomTag.PHOTOMETRIC, "CS", "MONOCHROME2") +
            number(DicomTag.ROWS, 2) + number(DicomTag.COLUMNS, 2) + number(DicomTag.BITS_ALLOCATED, 8) +
            number(DicomTag.BITS_STORED, 8) + word(0x7FE0) + word(0x0010) + "OB" + word(0) + word(4) + word(0) +
            "\u0010\u0020\u0040\u0080"
        return text.toByteArray(Charsets.ISO_8859_1)
    }

    private fun word(value: Int): String = "${(value and 0xFF).toChar()}${(value ushr 8).toChar()}"

    private fun refusal(film: ByteArray, spec: InputSpec = chest): PassedOver =
        assertThrows(OtherKind::class.java) { preprocessor.preprocess(film, spec) }.found

    @Test
    fun `what is refused is named, and what the film does not say is not`() {
        assertEquals(PassedOver(FilmKind.MODALITY, "MR"), refusal(film("mr")))
        assertEquals(PassedOver(FilmKind.MODALITY, null), refusal(film(null)))
        assertEquals(PassedOver(FilmKind.MODALITY, "CR\\MR"), refusal(film("CR\\MR")))
        assertEquals(PassedOver(FilmKind.MODALITY, "\\xdf\\x1b[2J"), refusal(film("\u00df\u001b[2J")))
        assertEquals(PassedOver(FilmKind.MODALITY, "M".repeat(64)), refusal(film("M".repeat(200))))
        assertEquals(PassedOver(FilmKind.BODY_PART, "ABDOMEN"), refusal(film("CR", "ABDOMEN")))
        assertEquals(PassedOver(FilmKind.VIEW, "LL"), refusal(film("CR", "CHEST", "LL")))
        val pixels = preprocessor.preprocess(film("MR"), any).pixels
        for (fitting in listOf(film("CR"), film("dx", " chest", "ap"), film("CR\\DX", "", "\u0000"))) {
            assertArrayEquals(pixels, preprocessor.preprocess(fitting, chest).pixels)
        }
    }

    @Test
    fun `the refusal says what is taken`() {
        val refusal = refused("IMG-MODALITY") { preprocessor.preprocess(film("MR"), chest) }
        assertEquals("the image is of modality MR, and this model takes CR, DX", refusal.reason)
        assertTrue("no modality" in refused("IMG-MODALITY") { preprocessor.preprocess(film(null), chest) }.reason)
    }

    @Test
    fun `going on loosens what refuses the film and nothing else`() {
        val wanted = preprocessor.preprocess(film("CR"), any).pixels
        val cases = mapOf(
            film("CR", "CHEST", "PA") to emptyList(),
            film("MR") to listOf(PassedOver(FilmKind.MODALITY, "MR")),
            film(null, "KNEE", "LL") to listOf(
                PassedOver(FilmKind.MODALITY, null),
                PassedOver(FilmKind.BODY_PART, "KNEE"),
                PassedOver(FilmKind.VIEW, "LL"),
            ),
        )
        for ((film, passed) in cases) {
            val specs = ArrayList<InputSpec>()
            val (read, found) = passingOver(chest) { specs += it; preprocessor.preprocess(film, it) }
            assertEquals(passed, found)
            assertArrayEquals(wanted, read.pixels)
            assertEquals(passed.size + 1, specs.size)
            assertEquals(passed.map { it.kind }, FilmKind.entries.filter { it.taken(specs.last()).isEmpty() })
        }
        val cut = film("MR").dropLast(2).toByteArray()
        refused("IMG-TRUNCATED") { passingOver(chest) { preprocessor.preprocess(cut, it) } }
    }

    @Test
    fun `an element that is no code is damage, a long one where it is asked`() {
        val longest = "CR" + " ".repeat(1022)
        preprocessor.preprocess(film(longest), chest)
        refused("IMG-DAMAGED") { preprocessor.preprocess(film("$longest  "), chest) }
        preprocessor.preprocess(film("$longest  "), any)
        val item = word(0xFFFE) + word(0xE000) + word(0) + word(0)
        val sequence = word(0x0018) + word(0x5101) + "SQ" + word(0) + word(8) + word(0) + item
        for (spec in listOf(chest, any)) {
            refused("IMG-DAMAGED") { preprocessor.preprocess(film("CR", more = sequence), spec) }
        }
    }

    @Test
    fun `only a Refusal of the kind is passed over`() {
        var asked = 0
        val other = Refusal("IMG-MODALITY", "of no known kind", "none")
        val thrown = assertThrows(Refusal::class.java) {
            passingOver(chest) {
                asked++
                throw other
            }
        }
        assertEquals(other to 1, thrown to asked)
    }
}
