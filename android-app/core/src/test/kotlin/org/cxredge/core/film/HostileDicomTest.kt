package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
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
        val header = TestDicom().grey(1, 4).end()
        fun stated(length: Long, pixels: Int = 8) = header + bytes(0xE0, 0x7F, 0x10, 0, 'O'.code, 'W'.code, 0, 0) +
            ByteArray(4) { (length shr 8 * it).toByte() } + ByteArray(pixels) { it.toByte() }
        read(stated(8))
        for (length in listOf(9, 10, 20, MAX_PIXEL_BYTES)) assertEquals("IMG-TRUNCATED", code(stated(length)))
        assertEquals("IMG-TRUNCATED", code(stated(8, pixels = 7)))
        for (length in listOf(MAX_PIXEL_BYTES + 1, 0xFFFFFFFEL)) assertEquals("IMG-SIZE", code(stated(length)))
        // the byte that makes an odd length even is one of the value's
        val odd = TestDicom().grey(1, 5, stored = 8, allocated = 8).pixels("OB", bytes(0, 50, 100, 150, 200))
        assertEquals(5, Preprocessor(IMAGE_IO).preprocess(odd, spec).width)
        assertEquals("IMG-TRUNCATED", code(odd.copyOf(odd.size - 1)))
    }

    @Test
    fun `what has no length and is no sequence holds fragments, which are no elements`() {
        fun endless(vr: String) = bytes(vr[0].code, vr[1].code, 0, 0, 255, 255, 255, 255)
        fun pixels(vr: String) = bytes(0xE0, 0x7F, 0x10, 0) + endless(vr)
        fun fragment(size: Int) = bytes(0xFE, 0xFF, 0, 0xE0, size, 0, 0, 0) + ByteArray(size) { (it * 37).toByte() }
        val fragments = fragment(0) + fragment(40) + fragment(6) + sequenceEnd
        fun icon(parts: ByteArray) =
            bytes(0x88, 0, 0, 2) + sequence.copyOfRange(4, 12) + openItem + parts + itemEnd + sequenceEnd
        fun opaque(vr: String) = bytes(9, 0, 0x50, 0x11) + endless(vr)
        for (vr in listOf("OB", "OW", "UT")) {
            read(film { raw(icon(pixels(vr) + fragments)) })
            read(film { raw(opaque(vr) + fragments) })
            read(film { raw(opaque(vr) + sequenceEnd) })
            read(film {} + opaque(vr) + fragments)
            for (other in listOf(four(), itemEnd, openItem, openItem + four() + itemEnd)) {
                for (parts in listOf(other, fragment(4) + other)) {
                    assertEquals("IMG-DAMAGED", code(film { raw(icon(pixels(vr) + parts + sequenceEnd)) }))
                    assertEquals("IMG-DAMAGED", code(film { raw(opaque(vr) + parts + sequenceEnd) }))
                }
            }
            assertEquals("IMG-NO-PIXELS", code(meta() + opaque(vr) + fragment(40).copyOf(30)))
        }
        // of an unknown value and a sequence they are items as ever
        for (vr in listOf("UN", "SQ")) {
            val inside = four(implicit = vr == "UN")
            read(film { raw(opaque(vr) + openItem + inside + itemEnd + sequenceEnd) })
        }
        // the header of a grey film has eight elements, and the pixels and this are two
        fun many(items: Int) = film { raw(opaque("OB") + repeated(emptyItem, items) + sequenceEnd) }
        read(many(MAX_ELEMENTS - 10))
        assertEquals("IMG-SIZE", code(many(MAX_ELEMENTS - 9)))
        // what counts has a length
        val data = bytes(0x28, 0, 0x06, 0x30) + endless("OW")
        val table = film {
            sequence(DicomTag.VOI_LUT, { words(DicomTag.LUT_DESCRIPTOR, "US", 4096, 0, 12).raw(data + fragments) })
        }
        assertEquals("IMG-DAMAGED", code(table))
    }

    @Test
    fun `a delimiter outside of any sequence is refused before the pixels`() {
        for (delimiter in listOf(emptyItem, openItem, itemEnd, sequenceEnd, bytes(0xFE, 0xFF, 1, 0, 0, 0, 0, 0))) {
            assertEquals("IMG-DAMAGED", code(film { raw(delimiter) }))
            assertEquals("IMG-DAMAGED", code(film { text(PRIVATE, "LO", "x").raw(delimiter) }))
            read(film {} + delimiter)
        }
    }

    @Test
    fun `floating-point pixels beside others are refused`() {
        for (encoding in TestDicom.Encoding.entries) {
            for ((tag, vr) in listOf(DicomTag.FLOAT_PIXELS to "OF", DicomTag.DOUBLE_PIXELS to "OD")) {
                fun floats(size: Int) = TestDicom(encoding).grey(1, 4).element(tag, vr, ByteArray(size))
                assertEquals("IMG-DEPTH", code(floats(32).end()))
                for (size in listOf(0, 32)) assertEquals("IMG-DAMAGED", code(floats(size).pixels(0, 1000, 2000, 3000)))
                // those of an item are not the film's
                read(film(encoding) { sequence(PRIVATE, { element(tag, vr, ByteArray(32)) }) })
            }
        }
    }

    @Test
    fun `elements of every value representation may stand before the transfer syntax`() {
        val plain = film {}
        for (vr in DicomTag.LONG + listOf("UI", "SH", "AE")) {
            val length = if (vr in DicomTag.LONG) bytes(0, 0, 6, 0, 0, 0) else bytes(6, 0)
            val other = bytes(2, 0, 0, 0, vr[0].code, vr[1].code) + length + ByteArray(6)
            read(plain.copyOf(132) + other + plain.copyOfRange(132, plain.size))
        }
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

    @Test
    fun `a transfer syntax stands once in the meta group`() {
        val plain = film {}
        val syntax = meta().copyOfRange(132, meta().size)
        val rest = plain.copyOfRange(meta().size, plain.size)
        read(meta() + rest)
        for (other in listOf("", ".99", ".9").map { meta(it).copyOfRange(132, meta(it).size) }) {
            for (both in listOf(other + syntax, syntax + other)) {
                val refusal = refused("IMG-SYNTAX") {
                    Preprocessor(IMAGE_IO).preprocess(meta().copyOf(132) + both + rest, spec)
                }
                assertTrue("given twice" in refusal.reason, refusal.reason)
            }
        }
    }

    private val itemEnd = bytes(0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0)
    private val sequenceEnd = bytes(0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)

    /** A private element of four bytes, twelve in all, explicit or implicit. */
    private fun four(implicit: Boolean = false) =
        bytes(9, 0, 0x50, 0x11) + (if (implicit) bytes(4, 0, 0, 0) else bytes('L'.code, 'O'.code, 4, 0)) + ByteArray(4)

    @Test
    fun `sequences and items end where they say`() {
        fun head(tag: Int, implicit: Boolean, length: Int) =
            bytes(tag shr 16, tag shr 24, tag, tag shr 8) +
                (if (implicit) bytes() else bytes('S'.code, 'Q'.code, 0, 0)) + bytes(length, 0, 0, 0)
        fun item(length: Int) = bytes(0xFE, 0xFF, 0, 0xE0, length, 0, 0, 0)
        for (encoding in listOf(TestDicom.Encoding.EXPLICIT, TestDicom.Encoding.IMPLICIT)) {
            val implicit = encoding == TestDicom.Encoding.IMPLICIT
            val inside = four(implicit)
            val nested = sequence + openItem + inside + itemEnd + sequenceEnd
            // an implicit private sequence of a stated length cannot be told from other elements
            val tags = if (implicit) listOf(DicomTag.VOI_LUT) else listOf(PRIVATE, DicomTag.VOI_LUT)
            for (tag in tags) {
                fun code(length: Int, parts: ByteArray): String =
                    code(film(encoding) { text(PRIVATE, "LO", "x").raw(head(tag, implicit, length) + parts) })
                // a VOI LUT of such items has no descriptor
                val right = if (tag == PRIVATE) null else "IMG-WINDOW"
                fun fits(length: Int, parts: ByteArray) {
                    if (right != null) return assertEquals(right, code(length, parts))
                    read(film(encoding) { text(0x00091130, "LO", "x").raw(head(tag, implicit, length) + parts) })
                }
                fits(20, item(12) + inside)
                fits(40, item(12) + inside + item(12) + inside)
                for (length in listOf(1, 8, 19)) assertEquals("IMG-DAMAGED", code(length, item(12) + inside))
                for (length in listOf(1, 8, 11)) assertEquals("IMG-DAMAGED", code(20, item(length) + inside))
                assertEquals("IMG-DAMAGED", code(40, item(12) + inside + item(11) + inside), "the second")
                assertEquals("IMG-DAMAGED", code(27, item(255).also { it.fill(-1, 4) } + inside + itemEnd))
                if (implicit) continue
                fits(8 + nested.size, item(nested.size) + nested)
                assertEquals("IMG-DAMAGED", code(8 + nested.size, item(nested.size - 1) + nested))
            }
        }
        // a file that simply ends
        assertEquals("IMG-NO-PIXELS", code(meta() + head(PRIVATE, false, 100) + item(92) + four()))
        assertEquals("IMG-NO-PIXELS", code(meta() + head(PRIVATE, false, 20) + item(12) + four().copyOf(10)))
    }

    @Test
    fun `a value representation that is none is refused, and a number there is a length`() {
        fun film(first: Int, second: Int): ByteArray = film {
            text(PRIVATE, "LO", "x").raw(bytes(9, 0, 0x50, 0x11, first, second, 0, 0))
            raw(ByteArray(first + 256 * second))
        }
        val lengths = listOf(0 to 0, 2 to 0, 0x41 to 0, 0x41 to 0x40, 0x40 to 0x41, 0x5A to 0x5B, 0x5B to 0)
        for ((first, second) in lengths) {
            read(film(first, second))
        }
        for ((first, second) in listOf(0x41 to 0x5B, 0x42 to 0, 0x42 to 255, 0x4C to 'o'.code, 0x5A to 0x40)) {
            val refusal = refused("IMG-DAMAGED") { Preprocessor(IMAGE_IO).preprocess(film(first, second), spec) }
            assertTrue("value representation that is none" in refusal.reason, refusal.reason)
        }
        // an implicit element of 66 bytes, which may be the first
        val implicit = TestDicom.Encoding.IMPLICIT
        read(film(implicit) { element(PRIVATE, "LO", ByteArray(0x42)).element(PRIVATE, "LO", ByteArray(0x42)) })
    }

    @Test
    fun `implicit elements among explicit ones pass where they do not count`() {
        fun mixed(film: ByteArray) {
            val refusal = refused("IMG-DAMAGED") { Preprocessor(IMAGE_IO).preprocess(film, spec) }
            assertTrue("mixes explicit and implicit" in refusal.reason, refusal.reason)
        }
        fun film(before: TestDicom.() -> Unit): ByteArray =
            film(TestDicom.Encoding.EXPLICIT) { text(PRIVATE, "LO", "x").before() }
        val entries = IntArray(4096) { it }
        fun TestDicom.table(more: ByteArray) = sequence(DicomTag.VOI_LUT, {
            words(DicomTag.LUT_DESCRIPTOR, "US", 4096, 0, 12).words(DicomTag.LUT_DATA, "OW", *entries).raw(more)
        })
        val centre = bytes(0x28, 0, 0x50, 0x10, 2, 0, 0, 0, '9'.code, ' '.code)
        fun within(part: ByteArray) = sequence + openItem + part + itemEnd + sequenceEnd
        read(film { raw(four(implicit = true)) })
        read(film { raw(within(four(implicit = true))) })
        read(film { table(four()) })
        read(film { table(within(four())) })
        mixed(film { raw(centre) })
        mixed(film { raw(within(centre)) })
        mixed(film { table(four(implicit = true)) })
        mixed(film { table(within(four(implicit = true))) })
        val pixels = bytes(0xE0, 0x7F, 0x10, 0, 8, 0, 0, 0) + ByteArray(8) { it.toByte() }
        mixed(TestDicom().grey(1, 4).raw(pixels).end())
        // an unknown value is implicit inside
        val table = TestDicom(TestDicom.Encoding.IMPLICIT).words(DicomTag.LUT_DESCRIPTOR, "US", 4096, 0, 12)
            .words(DicomTag.LUT_DATA, "OW", *entries).end().let { it.copyOfRange(it.size - 8200 - 14, it.size) }
        val unknown = bytes(0x28, 0, 0x10, 0x30, 'U'.code, 'N'.code, 0, 0, 255, 255, 255, 255)
        read(film { raw(unknown + openItem + table + itemEnd + sequenceEnd) })
        // the first element says what all are, and behind the pixels anything may stand
        read(TestDicom(TestDicom.Encoding.IMPLICIT).raw(four(implicit = true)).grey(1, 4).pixels(0, 1000, 2000, 3000))
        read(film {} + bytes(9, 0, 0x50, 0x11, 0x42, 0, 0, 0))
        assertEquals("IMG-DAMAGED", code(film {} + bytes(9, 0, 0x50, 0x11, 0x42, 0, 0, 0) + ByteArray(0x42) + centre))
    }
}
