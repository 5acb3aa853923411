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

    @Test
    fun `sequences in sequences without end are refused`() {
        assertEquals("IMG-DAMAGED", code(meta() + repeated(sequence + openItem, 100_000)))
    }

    @Test
    fun `millions of empty items are passed over`() {
        assertEquals("IMG-NO-PIXELS", code(meta() + sequence + repeated(emptyItem, 4_000_000)))
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
