package org.cxredge.app.platform

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.BitmapRegionDecoder
import android.graphics.Rect
import org.cxredge.core.Refusal
import org.cxredge.core.film.JpegDecoder
import org.cxredge.core.film.PixelRows
import java.io.IOException

/**
 * Android's JPEG decoder, a strip at a time, so that the memory is bounded whatever the film's size. A strip is as
 * tall as the bound allows, because the decoder starts at the top of the picture for each one.
 */
object AndroidJpeg : JpegDecoder {
    /** Most pixels decoded at once: 16 MiB as ARGB. */
    const val STRIP_PIXELS: Int = 4 * 1024 * 1024

    /** Throws [Refusal] IMG-DAMAGED. */
    override fun open(jpeg: ByteArray): PixelRows {
        val decoder = try {
            decoder(jpeg)
        } catch (error: IOException) {
            throw damaged(error)
        }
        return JpegStrips(decoder ?: throw damaged(null))
    }

    /** The call that does not need `isShareable` came with API 31. */
    @Suppress("DEPRECATION")
    private fun decoder(jpeg: ByteArray): BitmapRegionDecoder? =
        BitmapRegionDecoder.newInstance(jpeg, 0, jpeg.size, false)

    internal fun damaged(cause: Exception?) =
        Refusal("IMG-DAMAGED", "the JPEG cannot be decoded", "export the film again from its source", cause)
}

/** Bitmaps are in colour whatever the film is: a grey one comes as three equal channels. */
private class JpegStrips(private val decoder: BitmapRegionDecoder) : PixelRows {
    override val width: Int = decoder.width
    override val height: Int = decoder.height
    override val channels: Int = 3
    private val tall = (AndroidJpeg.STRIP_PIXELS / width).coerceIn(1, height)
    private val colours = IntArray(width)
    private var strip: Bitmap? = null
    private var next = 0

    override fun read(row: ByteArray) {
        val top = next - next % tall
        val bitmap = strip?.takeIf { next != top } ?: decode(top)
        bitmap.getPixels(colours, 0, width, 0, next - top, width, 1)
        for (x in 0 until width) {
            row[3 * x] = (colours[x] shr 16).toByte()
            row[3 * x + 1] = (colours[x] shr 8).toByte()
            row[3 * x + 2] = colours[x].toByte()
        }
        next++
    }

    private fun decode(top: Int): Bitmap {
        strip?.recycle()
        val options = BitmapFactory.Options().apply { inPreferredConfig = Bitmap.Config.ARGB_8888 }
        val bitmap = try {
            decoder.decodeRegion(Rect(0, top, width, minOf(top + tall, height)), options)
        } catch (error: IllegalArgumentException) {
            throw AndroidJpeg.damaged(error)
        }
        return (bitmap ?: throw AndroidJpeg.damaged(null)).also { strip = it }
    }

    override fun close() {
        strip?.recycle()
        decoder.recycle()
    }
}
