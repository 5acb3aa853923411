package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Films that are odd but right, and files that are wrong on purpose. */
class UnusualFilmsTest {
    private val spec = InputSpec(1, 16, 16, Fit.PAD, 9, NoWindow.STORED_RANGE)
    private val preprocessor = Preprocessor(IMAGE_IO)

    private fun code(film: ByteArray, spec: InputSpec = this.spec): String =
        assertThrows(Refusal::class.java) { preprocessor.preprocess(film, spec) }.code

    private fun ascii(text: String): ByteArray = text.toByteArray(Charsets.ISO_8859_1)

    @Test
    fun `two pixels fill the picture, and one is no film`() {
        val film = preprocessor.preprocess(TestPng.plain(1, 2, level = 77), spec.copy(fit = Fit.SQUASH))
        assertEquals(77, film.pixels[255].toInt())
        assertEquals(2 to 1, film.width to film.height)
        assertEquals("IMG-FLAT", code(TestPng.plain(1, 1, level = 77)))
    }

    @Test
    fun `a film of thirty thousand columns and two rows is padded without its bars existing`() {
        val wide = TestPng.plain(2, 30_000, level = 200)
        assertEquals("IMG-SIZE", code(wide), "its bars pass the pixel limit")
        val film = preprocessor.preprocess(wide, spec.copy(fit = Fit.SQUASH))
        assertArrayEquals(ByteArray(256) { 200.toByte() }, film.pixels)
        val strip = preprocessor.preprocess(TestPng.plain(2, 8_000, level = 200), spec)
        // 8,000 rows of bars around two of film: no weight of the film reaches half a level in any output but two
        assertTrue(strip.pixels.all { it.toInt() == 9 || it.toInt() == 10 }, "bars have the pad's level")
    }

    @Test
    fun `no side may be longer than DICOM and JPEG can say`() {
        assertEquals("IMG-SIZE", code(TestPng.plain(1, 65_536, 0), spec.copy(fit = Fit.CROP)))
        assertEquals(1, preprocessor.preprocess(TestPng.plain(1, 65_535, 0), spec.copy(fit = Fit.CROP)).height)
    }

    @Test
    fun `what is no film is refused by its first bytes`() {
        assertEquals("IMG-TRUNCATED", code(ByteArray(0)))
        for (text in listOf("x", "GIF89a\u0001", "BM", "II*\u0000", "%PDF-1.7", "PK\u0003\u0004", "just words")) {
            assertEquals("IMG-FORMAT", code(ascii(text)), text)
        }
        assertEquals("IMG-TRUNCATED", code(ascii(PNG_SIGNATURE)))
        assertEquals("IMG-DAMAGED", code(ascii(JPEG_SIGNATURE)))
        assertEquals("IMG-SYNTAX", code(ByteArray(128) + ascii("DICM")))
    }

    @Test
    fun `a PNG whose chunks are not those of one picture, in their order, is refused`() {
        val line = sequenceOf(byteArrayOf(0, 1))
        assertEquals("IMG-DAMAGED", code(TestPng().header(1, 1).header(9000, 9000).image(line).end()))
        assertEquals("IMG-DAMAGED", code(TestPng().chunk("gAMA", ByteArray(4)).header(1, 1).image(line).end()))
        assertEquals("IMG-DAMAGED", code(TestPng().header(1, 1, kind = 3).image(line).end()))
        assertEquals("IMG-DAMAGED", code(TestPng().header(1, 1).end()))
        assertEquals("IMG-DAMAGED", code(TestPng().header(1, 1, depth = 3).image(line).end()))
        for (methods in listOf("\u0001\u0000\u0000", "\u0000\u0001\u0000", "\u0000\u0000\u0002")) {
            val header = ByteArray(8).also { it[3] = 1; it[7] = 1 } + byteArrayOf(8, 0) + ascii(methods)
            assertEquals("IMG-DAMAGED", code(TestPng().chunk("IHDR", header).image(line).end()))
        }
        val palette = ByteArray(6) { (40 * it).toByte() }
        fun chunks(vararg names: String): ByteArray =
            names.fold(TestPng().header(1, 2, kind = 3)) { png, name ->
                if (name == "IDAT") png.image(sequenceOf(byteArrayOf(0, 0, 1))) else png.chunk(name, palette)
            }.end()
        val colour = spec.copy(channels = 3)
        assertEquals(2, preprocessor.preprocess(chunks("PLTE", "IDAT", "teXt"), colour).width)
        assertEquals("IMG-DAMAGED", code(chunks("IDAT", "PLTE"), colour))
        assertEquals("IMG-DAMAGED", code(chunks("PLTE", "IDAT", "PLTE"), colour))
        assertEquals("IMG-DAMAGED", code(chunks("PLTE", "PLTE", "IDAT"), colour))
        assertEquals("IMG-DAMAGED", code(chunks("PLTE", "IDAT", "tRNS"), colour))
        assertEquals("IMG-DAMAGED", code(chunks("PLTE", "IDAT", "teXt", "IDAT"), colour))
        for (place in listOf(listOf("XYZa", "PLTE", "IDAT"), listOf("PLTE", "IDAT", "XYZa"))) {
            assertEquals("IMG-DAMAGED", code(chunks(*place.toTypedArray()), colour), "critical and unknown")
        }
        assertEquals("IMG-DEPTH", code(TestPng().header(1, 1, depth = 16, kind = 2).image(line).end()))
        assertEquals("IMG-MULTIFRAME", code(TestPng().header(1, 1).chunk("acTL", ByteArray(8)).image(line).end()))
        assertEquals("IMG-ALPHA", code(TestPng().header(1, 1).chunk("tRNS", ByteArray(2)).image(line).end()))
    }

    @Test
    fun `image data must end where the image does, with a checksum that is right`() {
        val bomb = TestPng().header(1, 1).image(TestPng.lines(20_000, ByteArray(10_000))).end()
        assertEquals("IMG-DAMAGED", code(bomb))
        val lines = TestPng.lines(2, byteArrayOf(1, 2, 100))
        val data = TestPng.deflated(lines)
        fun film(vararg parts: ByteArray) =
            parts.fold(TestPng().header(2, 3)) { png, part -> png.chunk("IDAT", part) }.end()
        assertEquals(3, preprocessor.preprocess(film(data), spec).width)
        // cut anywhere into chunks, empty ones too
        for (at in 0..data.size) {
            val parts = film(data.copyOf(at), ByteArray(0), data.copyOfRange(at, data.size), ByteArray(0))
            assertEquals(3, preprocessor.preprocess(parts, spec).width)
            if (at < data.size) assertEquals("IMG-TRUNCATED", code(film(data.copyOf(at))), "$at bytes")
        }
        for (at in data.size - 4 until data.size) {
            assertEquals("IMG-DAMAGED", code(film(data.clone().also { it[at]++ })), "its checksum")
        }
        assertEquals("IMG-DAMAGED", code(film(data, byteArrayOf(0))))
        assertEquals("IMG-DAMAGED", code(film(data + 0)))
        // the whole first line is there, which the reference would take for a film with a black half
        val short = TestPng().header(2, 3).image(TestPng.lines(1, byteArrayOf(1, 2, 3))).end()
        assertEquals("IMG-TRUNCATED", code(short))
        val huge = TestPng().header(65_000, 1_000).image(TestPng.lines(10, ByteArray(1_000))).end()
        assertEquals("IMG-TRUNCATED", code(huge, spec.copy(fit = Fit.SQUASH)))
    }

    @Test
    fun `every orientation turns a film as its mirror images say`() {
        // rows 1 2 3 / 4 5 6, squashed to its own size through the display path
        val upright = mapOf(
            1 to "123/456", 2 to "321/654", 3 to "654/321", 4 to "456/123",
            5 to "14/25/36", 6 to "41/52/63", 7 to "63/52/41", 8 to "36/25/14",
        )
        for ((orientation, expected) in upright) {
            val film = TestPng().header(2, 3).exif(orientation)
                .image(sequenceOf(byteArrayOf(0, 10, 20, 30), byteArrayOf(0, 40, 50, 60))).end()
            val picture = preprocessor.preprocessAndShow(film, spec, side = 3).picture
            val rows = picture.pixels.toList().chunked(picture.width).joinToString("/") { row ->
                row.joinToString("") { (it / 10).toString() }
            }
            assertEquals(expected, rows, "orientation $orientation")
        }
    }

    @Test
    fun `an Exif block that cannot be read is refused, and one without orientation is upright`() {
        fun film(exif: ByteArray) =
            TestPng().header(1, 2).chunk("eXIf", exif).image(sequenceOf(byteArrayOf(0, 1, 99))).end()
        val cut = listOf(ByteArray(0), ascii("MM\u0000*"), ascii("XX\u0000*----"))
        val blocks = cut + listOf(TestPng.exifBlock(0), TestPng.exifBlock(9))
        for (exif in blocks) {
            assertEquals("IMG-ORIENTATION", code(film(exif)))
        }
        val long = TestPng.exifBlock(6).also { it[13] = 4 }
        assertEquals("IMG-ORIENTATION", code(film(long)), "a LONG")
        val other = TestPng.exifBlock(6).also { it[11] = 19 }
        assertEquals(2, preprocessor.preprocess(film(other), spec).width)
    }

    @Test
    fun `an orientation that is given twice is refused, whatever the two are`() {
        val line = sequenceOf(byteArrayOf(0, 1, 99))
        fun png(vararg blocks: ByteArray) =
            blocks.fold(TestPng().header(1, 2)) { png, exif -> png.chunk("eXIf", exif) }.image(line).end()
        fun twice(film: ByteArray) {
            val refusal = refused("IMG-ORIENTATION") { preprocessor.preprocess(film, spec) }
            assertTrue("given twice" in refusal.reason, refusal.reason)
        }
        val entries = { tag: Int, second: Int ->
            val one = TestPng.exifBlock(6)
            val other = TestPng.exifBlock(second).copyOfRange(10, 22).also { it[1] = tag.toByte() }
            one.copyOf(22).also { it[9] = 2 } + other + ByteArray(4)
        }
        assertEquals(1, preprocessor.preprocess(png(entries(19, 3)), spec).width, "another tag")
        val cut = TestPng.exifBlock(6).also { it[9] = 9 }.copyOf(22)
        assertEquals(1, preprocessor.preprocess(png(cut), spec).width, "ends behind its one orientation")
        for (second in listOf(1, 6, 9)) {
            twice(png(entries(18, second)))
            twice(png(TestPng.exifBlock(6), TestPng.exifBlock(second)))
            twice(TestPng().header(1, 2).exif(6).image(line).exif(second).end())
            twice(TestJpeg.header(before = TestJpeg.exif(6) + TestJpeg.exif(second)))
            twice(TestJpeg.header(before = TestJpeg.segment(0xE1, ascii("Exif\u0000\u0000") + entries(18, second))))
        }
        twice(png(TestPng.exifBlock(6), ByteArray(0)))
        val xmp = TestJpeg.segment(0xE1, ascii("http://ns.adobe.com/xap/1.0/\u0000"))
        assertEquals(6, JpegStream(TestJpeg.header(before = xmp + TestJpeg.exif(6) + xmp)).orientation())
    }

    @Test
    fun `a PNG has so many chunks and no more`() {
        fun film(chunks: Int): ByteArray {
            val png = TestPng().header(1, 2)
            // the header, the image and the end are chunks too
            repeat(chunks - 3) { png.chunk("teXt", ByteArray(0)) }
            return png.image(sequenceOf(byteArrayOf(0, 1, 99))).end()
        }
        assertEquals(2, preprocessor.preprocess(film(MAX_CHUNKS), spec).width)
        assertEquals("IMG-SIZE", code(film(MAX_CHUNKS + 1)))
    }

    @Test
    fun `colour is refused, or turned to grey by Pillow's luma where that was asked for`() {
        val spec = spec.copy(fit = Fit.SQUASH)
        fun film(vararg first: Byte) =
            TestPng().header(1, 2, kind = 2).image(sequenceOf(byteArrayOf(0, *first, 0, 0, 0))).end()
        val film = film(200.toByte(), 100, 50)
        assertEquals("IMG-COLOUR", code(film))
        val grey = preprocessor.preprocess(film, spec, Colour.TO_GREY)
        // (19595 * 200 + 38470 * 100 + 7471 * 50 + 0x8000) >> 16
        assertEquals(124, grey.pixels[0].toInt())
        assertTrue(grey.greyed)
        val equal = film(99, 99, 99)
        val asked = preprocessor.preprocess(equal, spec, Colour.TO_GREY)
        assertFalse(asked.greyed)
        assertArrayEquals(preprocessor.preprocess(equal, spec).pixels, asked.pixels)
    }

    @Test
    fun `a picture to show keeps the film's shape and is never enlarged`() {
        val shown = preprocessor.preprocessAndShow(TestPng.plain(300, 100, level = 5), spec, side = 60).picture
        assertEquals(listOf(20, 60, 1), listOf(shown.width, shown.height, shown.channels))
        assertTrue(shown.pixels.drop(40).all { it.toInt() == 5 })
        val small = preprocessor.preprocessAndShow(TestPng.plain(3, 5, level = 5), spec, side = 60).picture
        assertEquals(listOf(5, 3), listOf(small.width, small.height))
    }

    @Test
    fun `JPEG headers are judged before the decoder sees them`() {
        val decoder = Preprocessor(JpegDecoder { error("must not be opened") })
        fun code(film: ByteArray) = assertThrows(Refusal::class.java) { decoder.preprocess(film, spec) }.code
        assertEquals("IMG-COLOUR", code(TestJpeg.header(components = 4)))
        assertEquals("IMG-DAMAGED", code(TestJpeg.header(components = 2)))
        assertEquals("IMG-DEPTH", code(TestJpeg.header(precision = 12)))
        assertEquals("IMG-SIZE", code(TestJpeg.header(height = 65_535, width = 65_535)))
        assertEquals("IMG-SIZE", code(TestJpeg.header(height = 0)))
        val headers = TestJpeg.header().dropLast(2).toByteArray()
        val scan = TestJpeg.scan(listOf(1), TestJpeg.zeros(1))
        assertEquals("IMG-SIZE", code(headers + (1..100).map { scan }.reduce(ByteArray::plus) + TestJpeg.END))
        val large = TestJpeg.header(height = 8192, width = 8192).dropLast(2).toByteArray()
        assertEquals("IMG-SIZE", code(large + (1..16).map { scan }.reduce(ByteArray::plus) + TestJpeg.END))
        assertEquals("IMG-TRUNCATED", code(headers))
        val count = byteArrayOf(0, 0, 0, 8, 0, 1, 0xB0.toByte(), 1, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0)
        val index = TestJpeg.segment(0xE2, ascii("MPF\u0000MM\u0000*") + count)
        assertEquals("IMG-MULTIFRAME", code(TestJpeg.header(before = index)))
    }

    @Test
    fun `a decoder sees no colour profile, and every other byte`() {
        class Seen(val bytes: ByteArray) : RuntimeException()

        val decoder = Preprocessor(JpegDecoder { throw Seen(it) })
        fun seen(film: ByteArray) = assertThrows(Seen::class.java) { decoder.preprocess(film, spec) }.bytes
        val profile = TestJpeg.segment(0xE2, ascii("ICC_PROFILE\u0000") + ByteArray(300))
        val fill = byteArrayOf(-1, -1)
        val comment = TestJpeg.segment(0xFE, ascii("kept"))
        for (others in listOf(ByteArray(0), TestJpeg.exif(6), fill + comment)) {
            val plain = TestJpeg.header(before = others)
            assertArrayEquals(plain, seen(plain))
            assertArrayEquals(plain, seen(TestJpeg.header(before = profile + others + profile)))
            assertArrayEquals(plain, seen(TestJpeg.header(before = profile + profile + others)))
        }
    }

    @Test
    fun `a decoder whose picture is not the header's is refused, and one that knows colour only serves grey`() {
        fun rows(channels: Int, size: Int) = JpegDecoder {
            object : PixelRows {
                override val width = size
                override val height = size
                override val channels = channels

                override fun read(row: ByteArray) {
                    row.fill(40)
                    row[0] = 0
                }

                override fun close() = Unit
            }
        }
        val grey = TestJpeg.header(height = 2, width = 2)
        assertEquals(40, Preprocessor(rows(3, 2)).preprocess(grey, spec).pixels[15].toInt())
        for (wrong in listOf(rows(1, 3), rows(4, 2))) {
            val refusal = assertThrows(Refusal::class.java) { Preprocessor(wrong).preprocess(grey, spec) }
            assertEquals("IMG-DAMAGED", refusal.code)
        }
    }
}
