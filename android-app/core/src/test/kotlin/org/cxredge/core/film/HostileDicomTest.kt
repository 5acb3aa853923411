package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import java.io.ByteArrayOutputStream
import java.util.zip.Deflater
import java.util.zip.DeflaterOutputStream

/** DICOM files that would take a careless reader's stack, heap or time. */
class HostileDicomTest {
    private companion object {
        const val PRIVATE = 0x00091140
    }

    private val spec = InputSpec(1, 16, 16, Fit.PAD, 0, NoWindow.STORED_RANGE)

    private fun code(film: ByteArray): String =
        assertThrows(Refusal::class.java) { Preprocessor(IMAGE_IO).preprocess(film, spec) }.code

    private fun bytes(vararg values: Int): ByteArray = ByteArray(values.size) { values[it].toByte() }

    /** Preamble and transfer syntax, explicit little-endian where [suffix] is nothing. */
    private fun meta(suffix: String = ""): ByteArray {
        val uid = "1.2.840.10008.1.2.1$suffix".let { if (it.length % 2 == 0) it else "$it\u0000" }.toByteArray()
        return ByteArray(128) + "DICM".toByteArray() + bytes(2, 0, 0x10, 0, 'U'.code, 'I'.code, uid.size, 0) + uid
    }

    private val sequence = bytes(0x08, 0, 0x40, 0x11, 'S'.code, 'Q'.code, 0, 0, 255, 255, 255, 255)
    private val openItem = bytes(0xFE, 0xFF, 0, 0xE0, 255, 255, 255, 255)
    private val emptyItem = bytes(0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0)

    private fun repeated(part: ByteArray, times: Int): ByteArray = ByteArray(part.size * times) { part[it % part.size] }

    /** A film that is read, behind what [before] writes. */
    private fun film(encoding: TestDicom.Encoding = TestDicom.Encoding.EXPLICIT, before: TestDicom.() -> Unit) =
        TestDicom(encoding).apply(before).grey(1, 4).pixels(0, 1000, 2000, 3000)

    private fun read(film: ByteArray) = assertEquals(4, Preprocessor(IMAGE_IO).preprocess(film, spec).width)

    @Test
    fun `sequences in sequences are read to their bound and no deeper`() {
        assertEquals("IMG-SIZE", code(meta() + repeated(sequence + openItem, 100_000)))
        fun TestDicom.nested(depth: Int) {
            if (depth > 0) sequence(PRIVATE, { nested(depth - 1) })
        }
        for (tag in listOf(PRIVATE, DicomTag.VOI_LUT)) {
            read(film { sequence(tag); nested(MAX_DEPTH) })
            assertEquals("IMG-SIZE", code(film { sequence(tag); nested(MAX_DEPTH + 1) }))
        }
        fun open(depth: Int) = repeated(sequence + openItem, depth) +
            repeated(bytes(0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0), depth)
        read(film { raw(open(MAX_DEPTH)) })
        assertEquals("IMG-SIZE", code(film { raw(open(MAX_DEPTH + 1)) }))
    }

    @Test
    fun `elements and items are counted together, to their bound and no further`() {
        assertEquals("IMG-SIZE", code(meta() + sequence + repeated(emptyItem, 4_000_000)))
        // the header of a grey film has eight elements, and the pixels are one
        val more = MAX_ELEMENTS - 9
        val empty = bytes(9, 0, 0x10, 0, 'L'.code, 'O'.code, 0, 0)
        val long = bytes(0x09, 0, 0x40, 0x11, 'S'.code, 'Q'.code, 0, 0)
        fun defined(items: Int) = long + ByteArray(4) { (8 * items shr 8 * it).toByte() } + repeated(emptyItem, items)
        val end = bytes(0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)
        for (encoding in listOf(TestDicom.Encoding.EXPLICIT, TestDicom.Encoding.DEFLATED)) {
            for (surplus in 0..1) {
                val kinds = listOf(
                    repeated(empty, more + surplus),
                    sequence + repeated(emptyItem, more - 1 + surplus) + end,
                    defined(more - 1 + surplus),
                    sequence + openItem + repeated(empty, more - 2 + surplus) +
                        bytes(0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0) + end,
                )
                for (kind in kinds) {
                    val film = film(encoding) { raw(kind) }
                    if (surplus == 0) read(film) else assertEquals("IMG-SIZE", code(film))
                }
            }
        }
    }

    @Test
    fun `the bytes before the pixels are bounded, and what stands behind them may be much`() {
        val deflated = TestDicom.Encoding.DEFLATED
        read(film(deflated) { element(PRIVATE, "OB", ByteArray(60 shl 20)) })
        val parts = List(5) { ByteArray(13 shl 20) }
        assertEquals("IMG-SIZE", code(film(deflated) { parts.forEach { element(PRIVATE, "OB", it) } }))
        assertEquals("IMG-SIZE", code(film(deflated) { element(PRIVATE, "OB", ByteArray(65 shl 20)) }))
        // what is claimed counts, whether or not it is there
        val claims = meta() + bytes(9, 0, 0x40, 0x11, 'O'.code, 'B'.code, 0, 0, 0, 0, 0, 4)
        assertEquals("IMG-SIZE", code(claims))
        assertEquals("IMG-NO-PIXELS", code(claims.also { it[it.size - 1] = 3 }))
        val plain = film {}
        read(plain + sequence + repeated(emptyItem, 200_000))
        read(plain + repeated(sequence + openItem, 100))
        read(plain + ByteArray(1000) { (it * 7).toByte() })
    }

    @Test
    fun `what counts stands once, and before the pixels`() {
        for (encoding in TestDicom.Encoding.entries) {
            val window: TestDicom.() -> Unit = { text(DicomTag.CENTRE, "DS", "9").text(DicomTag.WIDTH, "DS", "5") }
            read(film(encoding) { text(PRIVATE, "LO", "x").text(PRIVATE, "LO", "y") })
            assertEquals("IMG-DAMAGED", code(film(encoding) { apply(window).apply(window) }))
            assertEquals("IMG-DAMAGED", code(film(encoding) { words(DicomTag.ROWS, "US", 1) }))
            val plain = TestDicom(encoding).grey(1, 4)
                .words(DicomTag.PIXELS, "OW", 0, 1000, 2000, 3000)
                .text(PRIVATE, "LO", "x")
            val behind = plain.sequence(PRIVATE, { apply(window) }).end()
            read(behind)
            assertEquals("IMG-DAMAGED", code(plain.apply(window).end()))
        }
        val entries = IntArray(4096) { it }
        read(film { lut(DicomTag.VOI_LUT, "US", 0, 12, entries) })
        val twice = film {
            sequence(DicomTag.VOI_LUT, {
                words(DicomTag.LUT_DESCRIPTOR, "US", 4096, 0, 12).words(DicomTag.LUT_DESCRIPTOR, "US", 4096, 0, 12)
                words(DicomTag.LUT_DATA, "OW", *entries)
            })
        }
        assertEquals("IMG-DAMAGED", code(twice))
    }

    @Test
    fun `a value longer than any that counts is refused before it is read`() {
        val rows = bytes(0x28, 0, 0x10, 0, 'U'.code, 'N'.code, 0, 0, 255, 255, 255, 127)
        assertEquals("IMG-DAMAGED", code(meta() + rows))
    }

    @Test
    fun `pixels longer than the file, or without a length, are refused`() {
        val pixels = bytes(0xE0, 0x7F, 0x10, 0, 'O'.code, 'W'.code, 0, 0)
        assertEquals("IMG-DAMAGED", code(meta() + pixels + bytes(255, 255, 255, 255)))
        // a length is believed only once the header gave the same
        assertEquals("IMG-DAMAGED", code(meta() + pixels + bytes(254, 255, 255, 255)))
    }

    @Test
    fun `a deflated bomb is refused, and a deflated file that is cut or damaged too`() {
        val out = ByteArrayOutputStream()
        DeflaterOutputStream(out, Deflater(1, true)).use { stream ->
            val zeros = ByteArray(1 shl 20)
            repeat(520) { stream.write(zeros) }
        }
        val bomb = out.toByteArray()
        assertEquals("IMG-SIZE", code(meta(".99") + bomb))
        assertEquals("IMG-TRUNCATED", code(meta(".99") + bomb.copyOf(100_000)))
        assertEquals("IMG-DAMAGED", code(meta(".99") + ByteArray(100) { -1 }))
    }
}
