package org.cxredge.core.film

import org.cxredge.core.Refusal

/**
 * Checks a JPEG file's headers, and that its coded data is all there; its pixels come from the platform.
 *
 * Throws [Refusal] IMG-*.
 */
internal fun openJpeg(data: ByteArray, decoder: JpegDecoder): StoredFilm {
    val stream = JpegStream(data)
    checkSize(stream.height.toLong(), stream.width.toLong())
    if (stream.precision != 8) {
        throw Refusal(
            "IMG-DEPTH",
            "the image is a JPEG of ${stream.precision} bits a sample, which is read in DICOM only",
            "save it with 8",
        )
    }
    if (stream.severalPictures()) throw multiFrame("a multi-picture JPEG")
    if (stream.components == 4) throw coloured("is CMYK, for print")
    if (stream.components != 1 && stream.components != 3) {
        throw damaged("a JPEG of ${stream.components} channels is not read")
    }
    stream.checkCoverage()
    return JpegFilm(stream, decoder)
}

private class JpegFilm(private val stream: JpegStream, private val decoder: JpegDecoder) : StoredFilm {
    override val width: Int = stream.width
    override val height: Int = stream.height
    override val channels: Int = stream.components
    override val orientation: Int = stream.orientation()
    override val meaning = Meaning(bits = 8)

    override fun open(): StoredRows {
        val rows = decoder.open(stream.withoutProfiles())
        if (rows.width == width && rows.height == height && rows.channels in setOf(channels, 3)) {
            return JpegRows(rows, channels)
        }
        rows.close()
        throw damaged(
            "its header says ${height}x${width}x$channels, its pixels ${rows.height}x${rows.width}x${rows.channels}",
        )
    }
}

private class JpegRows(private val rows: PixelRows, channels: Int) : StoredRows {
    private val bytes = ByteArray(rows.width * rows.channels)
    private val samples = rows.width * channels

    override fun read(row: ShortArray) {
        rows.read(bytes)
        if (bytes.size == samples) {
            for (i in 0 until samples) row[i] = (bytes[i].toInt() and 255).toShort()
        } else {
            // three equal channels for a grey picture
            for (i in 0 until samples) row[i] = (bytes[3 * i].toInt() and 255).toShort()
        }
    }

    override fun close() = rows.close()
}
