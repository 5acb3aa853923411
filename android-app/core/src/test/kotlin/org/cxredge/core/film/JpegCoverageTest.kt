package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.film.TestJpeg.END
import org.cxredge.core.film.TestJpeg.START
import org.cxredge.core.film.TestJpeg.TABLES
import org.cxredge.core.film.TestJpeg.bytes
import org.cxredge.core.film.TestJpeg.frame
import org.cxredge.core.film.TestJpeg.scan
import org.cxredge.core.film.TestJpeg.segment
import org.cxredge.core.film.TestJpeg.zeros
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** A JPEG's coded data must be the whole picture that its header claims. */
class JpegCoverageTest {
    private val films = parse(fixture("film-cases/jpegs.json"))["films"].elements().associate {
        val data = fixture("film-cases/jpegs.bin").readBytes()
        it["name"].text() to data.copyOfRange(it["at"].int(), it["at"].int() + it["size"].int())
    }

    private fun damaged(film: ByteArray) = refused("IMG-DAMAGED") { checkCoverage(film) }

    private fun truncated(film: ByteArray) = refused("IMG-TRUNCATED") { checkCoverage(film) }

    private val ByteArray.frameAt: Int get() = indices.first {
        this[it].toInt() == -1 && unsigned(it + 1, 1) in setOf(0xC0L, 0xC1L, 0xC2L)
    }
    private val ByteArray.scanAt: Int get() = indices.first { startsWith("\u00ff\u00da", it) }

    @Test
    fun `every kind that encoders write is read`() {
        assertTrue(films.size >= 100)
        for ((name, film) in films) {
            try {
                checkCoverage(film)
                checkCoverage(film + ByteArray(500) { (it * 77).toByte() })
            } catch (refusal: Refusal) {
                throw AssertionError(name, refusal)
            }
        }
    }

    @Test
    fun `a film that is cut anywhere, with an end marker behind the cut, is refused`() {
        for ((name, film) in films) {
            val end = film.size - 2
            // every place where the film is short, else by lot but for the last hundred
            val step = maxOf(1, film.size / 400)
            for (at in film.scanAt + 2 until end) {
                if (at % step != 0 && at < end - 100) continue
                val refusal = assertThrows<Refusal>("$name at $at") { checkCoverage(film.copyOf(at) + END) }
                // the end marker may be taken for a byte or two of a later scan's header
                val header = "progressive" in name && refusal.code == "IMG-DAMAGED"
                assertTrue(refusal.code == "IMG-TRUNCATED" || header, "$name at $at: $refusal")
                truncated(film.copyOf(at))
            }
        }
    }

    @Test
    fun `a header that claims more blocks than there are is refused`() {
        for ((name, film) in films) {
            for (at in listOf(film.frameAt + 5, film.frameAt + 7)) {
                val size = film.unsigned(at, 2).toInt()
                for (claimed in listOf(size + 32, 2 * size + 32, 8192)) {
                    val taller = film.clone()
                    taller[at] = (claimed shr 8).toByte()
                    taller[at + 1] = claimed.toByte()
                    val refusal = assertThrows<Refusal>("$name, $claimed") { checkCoverage(taller) }
                    assertTrue(refusal.code == "IMG-TRUNCATED" || refusal.code == "IMG-DAMAGED", "$name: $refusal")
                }
            }
        }
    }

    private val three = listOf(1, 2, 3)

    /** Of 20 x 30 pixels, 2 x 2 MCUs of 16 x 16: luma has 3 x 4 blocks of its own, chroma 2 x 2. */
    private val frame420 = START + frame(20, 30, 0x22, 0x11, 0x11) + TABLES
    private val luma = scan(listOf(1), zeros(12))

    @Test
    fun `scans of one component, of two and of all`() {
        checkCoverage(frame420 + scan(three, zeros(4 * 6)) + END)
        checkCoverage(frame420 + luma + scan(listOf(2), zeros(4)) + scan(listOf(3), zeros(4)) + END)
        checkCoverage(frame420 + scan(listOf(3, 2), zeros(8)) + luma + END)
        truncated(frame420 + scan(three, zeros(4 * 6 - 4)) + END)
        truncated(frame420 + luma + scan(listOf(2), zeros(4)) + END)
        truncated(frame420 + scan(listOf(1), zeros(8)) + scan(listOf(2, 3), zeros(8)) + END)
        truncated(frame420 + END)
        damaged(frame420 + luma + luma + scan(listOf(2, 3), zeros(8)) + END)
        damaged(frame420 + scan(listOf(1, 1), zeros(24)) + END)
        damaged(frame420 + scan(listOf(4), zeros(24)) + END)
        damaged(START + frame(8, 8, 0x44, 0x11) + TABLES + scan(listOf(1, 2), zeros(17)) + END)
        // one component has no MCUs of several blocks, whatever its sampling factors say
        checkCoverage(START + frame(20, 30, 0x22) + TABLES + luma + END)
        // 12 bits
        checkCoverage(START + frame(20, 30, 0x11, precision = 12, marker = 0xC1) + TABLES + luma + END)
    }

    @Test
    fun `restart markers stand where they must, in order`() {
        fun every(mcus: Int) = segment(0xDD, bytes(0, mcus))
        fun restart(number: Int) = bytes(0xFF, 0xD0 + number)
        val row = zeros(4)
        fun film(vararg parts: ByteArray) =
            frame420 + every(4) + parts.fold(scan(listOf(1), row), ByteArray::plus) +
                every(0) + scan(listOf(2, 3), zeros(8)) + END
        checkCoverage(film(restart(0), row, restart(1), row))
        // fill bytes, bytes that nobody asked for, and a marker after the last interval
        checkCoverage(film(bytes(255, 255), restart(0), row, restart(1), row))
        checkCoverage(film(bytes(9, 0xFF, 0, 9), restart(0), row, restart(1), row, restart(2)))
        damaged(film(restart(1), row, restart(2), row))
        damaged(film(restart(0), row, restart(0), row))
        truncated(film(row, row))
        truncated(film(restart(0), row, row))
        truncated(film(restart(0), row, restart(1)))
        // one too many between two segments behind a scan, as nothing but a marker
        val comment = segment(0xFE, bytes(1, 2))
        for (stray in listOf(restart(0), restart(5) + restart(5), bytes(255) + restart(7))) {
            checkCoverage(film(restart(0), row, restart(1), row, comment, stray))
            val behind = START + frame(8, 8, 0x11) + TABLES + scan(listOf(1), zeros(1)) + comment + stray
            checkCoverage(behind + END)
            checkCoverage(behind + comment + stray + END)
            JpegStream(behind + comment + END)
            truncated(behind)
            large(behind + repeated(segment(0xFE, ByteArray(0)), MAX_SEGMENTS) + END, "marker segments")
        }
        // before any scan it begins a segment
        damaged(START + restart(0) + bytes(0, 0) + frame(8, 8, 0x11) + TABLES + scan(listOf(1), zeros(1)) + END)
        // more than eight of them
        val eleven = (0..10).fold(ByteArray(0)) { all, it -> all + restart(it % 8) + zeros(1) }
        checkCoverage(START + frame(8, 96, 0x11) + TABLES + every(1) + scan(listOf(1), zeros(1)) + eleven + END)
        // without an interval a restart marker ends the data
        truncated(frame420 + scan(three, zeros(12)) + restart(0) + zeros(12) + END)
        damaged(frame420 + segment(0xDD, bytes(1)) + luma + END)
    }

    @Test
    fun `what is no picture of one frame of Huffman codes is damaged`() {
        val scan = scan(three, zeros(24))
        damaged(frame420 + frame(20, 30, 0x22, 0x11, 0x11) + scan + END)
        damaged(frame420 + scan + frame(20, 30, 0x22, 0x11, 0x11) + END)
        damaged(frame420 + scan + segment(0xDC, bytes(0, 20)) + END)
        damaged(START + TABLES + scan + frame(20, 30, 0x22, 0x11, 0x11) + END)
        for (marker in listOf(0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7)) {
            refused("IMG-SYNTAX") { checkCoverage(START + frame(20, 30, 0x11, marker = marker) + TABLES + luma + END) }
        }
        damaged(START + frame(20, 30, 0x11) + luma + END)
        damaged(START + frame(20, 30, 0x11) + segment(0xC4, TestJpeg.table(0, 0)) + luma + END)
        damaged(START + frame(20, 30, 0x01) + TABLES + luma + END)
        damaged(START + frame(20, 30, 0x51) + TABLES + luma + END)
        damaged(START + frame(20, 30, 0x11).dropLast(1).toByteArray() + TABLES + luma + END)
        damaged(frame420 + bytes(1, 2, 3) + scan + END)
        // Huffman tables: cut, for no destination, and with three codes of one bit
        damaged(frame420 + segment(0xC4, bytes(0, 1)) + scan + END)
        damaged(frame420 + segment(0xC4, TestJpeg.table(0x05, 0)) + scan + END)
        val crowded = bytes(0, 3) + ByteArray(15) + bytes(0, 0, 0)
        damaged(frame420 + segment(0xC4, crowded) + scan + END)
        // codes that nothing begins, and coefficients beyond the block
        damaged(frame420 + scan(three, bytes(0x7F, 0x7F, 0x7F, 0x7F)) + END)
        val wide = START + frame(8, 8, 0x11) + segment(0xC4, TestJpeg.table(0, 0)) +
            segment(0xC4, TestJpeg.table(0x10, 0xF0, 0x21, 0x00))
        checkCoverage(wide + scan(listOf(1), bytes(0b0000_1100)) + END)
        damaged(wide + scan(listOf(1), bytes(0b0000_0111)) + END)
        // four runs of 16 zeros: one more than a block has coefficients
        damaged(wide + scan(listOf(1), bytes(0b0000_0000)) + END)
    }

    @Test
    fun `a progressive picture sends every bit of every coefficient, once`() {
        val head = START + frame(8, 8, 0x11, marker = 0xC2) + TABLES
        fun part(first: Int, last: Int, high: Int, low: Int, coded: ByteArray = zeros(1)) =
            scan(listOf(1), coded, first, last, high * 16 + low)
        val dc = part(0, 0, 0, 0)
        checkCoverage(head + dc + part(1, 63, 0, 0) + END)
        checkCoverage(head + part(0, 0, 0, 1) + part(1, 5, 0, 2) + part(6, 63, 0, 0) + part(0, 0, 1, 0) +
            part(1, 5, 2, 1) + part(1, 5, 1, 0) + END)
        truncated(head + dc + END)
        truncated(head + dc + part(1, 62, 0, 0) + END)
        truncated(head + dc + part(1, 63, 0, 1) + END)
        truncated(head + part(0, 0, 0, 1) + part(1, 63, 0, 0) + END)
        truncated(head + dc + part(1, 63, 0, 0, coded = ByteArray(0)) + END)
        damaged(head + dc + dc + END)
        damaged(head + part(1, 63, 0, 0) + dc + END)
        damaged(head + dc + part(1, 63, 0, 0) + part(1, 63, 1, 0) + END)
        damaged(head + dc + part(1, 63, 0, 3) + part(1, 63, 3, 1) + END)
        damaged(head + part(0, 63, 0, 0) + END)
        damaged(head + dc + part(5, 4, 0, 0) + END)
        damaged(head + dc + part(1, 64, 0, 0) + END)
        damaged(head + dc + part(1, 63, 0, 14) + END)
        val two = START + frame(8, 8, 0x11, 0x11, marker = 0xC2) + TABLES
        damaged(two + scan(listOf(1, 2), zeros(2), 0, 0) + scan(listOf(1, 2), zeros(2), 1, 63) + END)
    }

    /** Three components of [rows] x 256 blocks, and [parts]. */
    private fun pieces(rows: Int, vararg parts: ByteArray) =
        parts.fold(START + frame(8 * rows, 2048, 0x11, 0x11, 0x11) + TABLES, ByteArray::plus) + END

    /** A scan of [blocks] restart intervals, a block each. */
    private fun interval(component: Int, blocks: Int): ByteArray {
        val coded = ByteArray(3 * blocks - 2)
        for (block in 0 until blocks) {
            zeros(1).copyInto(coded, 3 * block)
            if (block + 1 < blocks) bytes(0xFF, 0xD0 + block % 8).copyInto(coded, 3 * block + 1)
        }
        return segment(0xDD, bytes(0, 1)) + scan(listOf(component), coded)
    }

    private fun repeated(part: ByteArray, times: Int): ByteArray = ByteArray(part.size * times) { part[it % part.size] }

    private fun large(film: ByteArray, what: String) {
        val refusal = refused("IMG-SIZE") { JpegStream(film) }
        assertTrue(what in refusal.reason && "baseline" in refusal.fix, "$refusal")
    }

    @Test
    fun `restart intervals are counted over all scans, to their bound and no further`() {
        val grey = START + frame(2048, 2048, 0x11) + TABLES + interval(1, MAX_INTERVALS)
        JpegStream(grey + END).checkCoverage()
        large(grey + bytes(0xFF, 0xD7) + END, "restart intervals")
        val half = MAX_INTERVALS / 2
        val last = segment(0xDD, bytes(0, 0)) + scan(listOf(3), zeros(half))
        JpegStream(pieces(128, interval(1, half), interval(2, half - 1), last))
        large(pieces(128, interval(1, half), interval(2, half), last), "restart intervals")
        // neither what stands behind the end marker, nor FF as a byte of data, is an interval
        JpegStream(grey + END + bytes(0xFF, 0xD7))
        JpegStream(grey + bytes(0xFF, 0xFF, 0, 0xFF, 0) + END)
        val many = ByteArray(40_000_000) { if (it % 2 == 0) -1 else 0xD0.toByte() }
        large(START + frame(8, 8, 0x11) + TABLES + scan(listOf(1), many) + END, "restart intervals")
    }

    @Test
    fun `marker segments are counted before and between scans, to their bound and no further`() {
        fun comments(count: Int): ByteArray = repeated(segment(0xFE, ByteArray(0)), count)
        // a frame, two tables and two scans
        val more = MAX_SEGMENTS - 5
        val rest = scan(listOf(2, 3), zeros(8))
        for (before in listOf(0, 1, more / 2, more)) {
            fun film(surplus: Int) = START + comments(before) + frame420.copyOfRange(2, frame420.size) + luma +
                comments(more - before + surplus) + rest + END
            JpegStream(film(0)).checkCoverage()
            JpegStream(film(0) + comments(100))
            large(film(1), "marker segments")
        }
        large(START + comments(5_000_000) + END, "marker segments")
    }
}
