package org.cxredge.core.film

import org.cxredge.core.refused

/**
 * Reads films of forty megapixels; [LargeFilmsTest] runs it in a small heap. Each film is a ramp from left to right
 * (16-bit: of all 65,536 values), so what must come out is known.
 */
internal object LargeFilms {
    private const val HEIGHT = 5_000
    private const val WIDTH = 8_000
    private const val TOO_MANY = 1_000_000

    /** Bytes of an empty PNG chunk. */
    private const val CHUNK = 12
    private val SPEC = InputSpec(1, 224, 224, Fit.SQUASH, 0, NoWindow.STORED_RANGE)

    @JvmStatic
    fun main(arguments: Array<String>) {
        val preprocessor = Preprocessor(JpegDecoder { Ramp() })
        // a turned film that is enlarged along its one stored row
        val line = ByteArray(65_535).also { it[0] = 99 }
        val strip = TestPng().header(1, 65_535).exif(6).image(TestPng.lines(1, line)).end()
        check(preprocessor.preprocess(strip, SPEC.copy(width = 1024)).pixels.drop(1024).all { it.toInt() == 0 })
        manySegments(preprocessor)
        manyChunks(preprocessor)
        for (orientation in listOf(1, 6)) {
            val films = listOf(
                "png8" to png(8, orientation),
                "png16" to png(16, orientation),
                "jpeg" to TestJpeg.header(HEIGHT, WIDTH, before = TestJpeg.exif(orientation)),
            )
            for ((name, film) in films) {
                for (spec in listOf(SPEC, SPEC.copy(noWindow = NoWindow.MIN_MAX), SPEC.copy(fit = Fit.PAD))) {
                    val both = preprocessor.preprocessAndShow(film, spec, side = 1024)
                    val right = spec.fit != Fit.SQUASH || isRamp(both.film.pixels, orientation)
                    check(right) { "$name $orientation $spec" }
                    check(maxOf(both.picture.width, both.picture.height) == 1024)
                    println("read $name, orientation $orientation, ${spec.fit}, ${spec.noWindow}")
                }
            }
        }
    }

    /** As many empty parts as a film may have are read, and a million, which would fill the heap, are refused. */
    private fun manySegments(preprocessor: Preprocessor) {
        val comment = TestJpeg.segment(0xFE, ByteArray(0))
        // a frame, two tables and a scan are segments too
        fun jpeg(parts: Int) = withParts(TestJpeg.header(HEIGHT, WIDTH), TestJpeg.START.size, comment, parts)
        check(preprocessor.preprocess(jpeg(MAX_SEGMENTS - 4), SPEC).width == WIDTH)
        refused("IMG-SIZE") { preprocessor.preprocess(jpeg(TOO_MANY), SPEC) }
        println("read a JPEG of $MAX_SEGMENTS segments")
    }

    private fun manyChunks(preprocessor: Preprocessor) {
        val film = TestPng().header(2, 3).image(TestPng.lines(2, byteArrayOf(0, 99, 0))).end()
        val empty = TestPng().chunk("IDAT", ByteArray(0)).end()
            .copyOfRange(PNG_SIGNATURE.length, PNG_SIGNATURE.length + CHUNK)
        // the header, the image and the end are chunks too
        fun png(parts: Int) = withParts(film, film.size - CHUNK, empty, parts)
        check(preprocessor.preprocess(png(MAX_CHUNKS - 3), SPEC).width == 3)
        refused("IMG-SIZE") { preprocessor.preprocess(png(TOO_MANY), SPEC) }
        println("read a PNG of $MAX_CHUNKS chunks")
    }

    private fun withParts(film: ByteArray, at: Int, part: ByteArray, parts: Int): ByteArray {
        val all = ByteArray(film.size + parts * part.size)
        film.copyInto(all, 0, 0, at)
        for (i in 0 until parts) part.copyInto(all, at + i * part.size)
        film.copyInto(all, at + parts * part.size, at, film.size)
        return all
    }

    private fun isRamp(pixels: ByteArray, orientation: Int): Boolean = pixels.indices.all {
        val along = if (orientation == 1) it % 224 else it / 224
        Math.abs((pixels[it].toInt() and 255) - (along + 0.5) / 224 * 255) <= 1.5
    }

    private fun value(x: Int, top: Int): Int = (x.toLong() * top / (WIDTH - 1)).toInt()

    private class Ramp : PixelRows {
        override val width = WIDTH
        override val height = HEIGHT
        override val channels = 1

        override fun read(row: ByteArray) {
            for (x in 0 until WIDTH) row[x] = value(x, 255).toByte()
        }

        override fun close() = Unit
    }

    private fun png(depth: Int, orientation: Int): ByteArray {
        val line = ByteArray(WIDTH * depth / 8)
        for (x in 0 until WIDTH) {
            if (depth == 8) line[x] = value(x, 255).toByte()
            if (depth == 16) {
                line[2 * x] = (value(x, 65535) shr 8).toByte()
                line[2 * x + 1] = value(x, 65535).toByte()
            }
        }
        return TestPng().header(HEIGHT, WIDTH, depth).exif(orientation).image(TestPng.lines(HEIGHT, line)).end()
    }
}
