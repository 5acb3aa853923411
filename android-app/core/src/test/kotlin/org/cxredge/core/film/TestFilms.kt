package org.cxredge.core.film

import java.awt.image.BufferedImage
import java.awt.image.DataBuffer
import java.awt.image.Raster
import java.io.ByteArrayInputStream
import java.io.IOException
import javax.imageio.ImageIO

/** The JDK's JPEG decoder, as a platform's decoder would be given to the core. */
internal val IMAGE_IO = JpegDecoder { jpeg ->
    val raster = try {
        ImageIO.getImageReadersByFormatName("jpeg").next().run {
            input = ImageIO.createImageInputStream(ByteArrayInputStream(jpeg))
            val image = read(0)
            if (image.raster.numBands == 1) image.raster else image.rgb()
        }
    } catch (error: IOException) {
        throw damaged("the JPEG cannot be read", error)
    } catch (error: RuntimeException) {
        // the JDK's reader throws whatever comes on damaged headers
        throw damaged("the JPEG cannot be read", error)
    }
    object : PixelRows {
        override val width: Int = raster.width
        override val height: Int = raster.height
        override val channels: Int = raster.numBands
        private var y = 0

        override fun read(row: ByteArray) {
            val samples = raster.getPixels(0, y++, width, 1, null as IntArray?)
            for (i in samples.indices) row[i] = samples[i].toByte()
        }

        override fun close() = Unit
    }
}

private fun BufferedImage.rgb(): Raster {
    val raster = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, width, height, 3, null)
    for (y in 0 until height) {
        for (x in 0 until width) {
            val rgb = getRGB(x, y)
            raster.setPixel(x, y, intArrayOf(rgb shr 16 and 255, rgb shr 8 and 255, rgb and 255))
        }
    }
    return raster
}

/** A film in memory: uint8[height, width, channels]. */
internal class ArrayFilm(
    private val pixels: ByteArray,
    override val height: Int,
    override val width: Int,
    override val channels: Int,
    override val orientation: Int = 1,
) : StoredFilm {
    override val meaning = Meaning(bits = 8)

    override fun open(): StoredRows = object : StoredRows {
        private var at = 0

        override fun read(row: ShortArray) {
            val from = at
            for (i in 0 until width * channels) row[i] = (pixels[from + i].toInt() and 255).toShort()
            at += width * channels
        }

        override fun close() = Unit
    }
}

/** The upright film in grey levels, uint8[h, w, ch]: a resize to its own size changes nothing. */
internal fun grey(film: StoredFilm, spec: InputSpec): ByteArray {
    val whole = Resampler.whole(film, spec.channels, film.uprightHeight, film.uprightWidth)
    stream(film, spec, Colour.REFUSE, listOf(whole))
    return whole.pixels
}

/** The fitted picture, bars and all, uint8[h, w, ch]. */
internal fun fitted(film: ArrayFilm, spec: InputSpec): ByteArray {
    val frame: Frame = checkedFrame(film.uprightHeight, film.uprightWidth, spec)
    return resampled(film, Resampler(film, spec.channels, frame, frame.rows, frame.columns, spec.padValue))
}

/** The model's picture, uint8[h, w, ch]. */
internal fun resized(film: ArrayFilm, spec: InputSpec): ByteArray {
    return resampled(film, Resampler.fitted(film, spec))
}

/** Levels as they are stored, whatever they span. */
private fun resampled(film: ArrayFilm, into: Resampler): ByteArray {
    val row = ShortArray(film.width * film.channels)
    film.open().use { rows ->
        repeat(film.height) {
            rows.read(row)
            into.add(ByteArray(row.size) { row[it].toByte() })
        }
    }
    return into.pixels
}
