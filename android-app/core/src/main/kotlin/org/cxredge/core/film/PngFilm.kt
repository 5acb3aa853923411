package org.cxredge.core.film

import org.cxredge.core.Refusal

/** Reads and checks a PNG file's chunks; 1 to 16 bits, grey, colour or palette. Throws [Refusal] IMG-*. */
internal fun openPng(data: ByteArray): StoredFilm {
    val chunks = PngChunks(data)
    val at = chunks.header.at
    if (chunks.header.size != 13) throw damaged("its IHDR chunk is not 13 bytes long")
    checkSize(data.unsigned(at + 4, 4), data.unsigned(at, 4))
    val depth = data[at + 8].toInt()
    val kind = data[at + 9].toInt()
    if (chunks.animated) throw multiFrame("an animated PNG")
    if (depth == 16 && kind != 0) {
        // the reader on the host would keep the high bytes only
        throw Refusal(
            "IMG-DEPTH",
            "the image is a 16-bit PNG with colour or alpha",
            "save it as 16-bit grey, or with 8 bits",
        )
    }
    if (chunks.transparency != null && kind != 3) throw transparent("it names a transparent colour (tRNS)")
    val pixels = PngPixels.of(kind, depth, chunks)
    if (data.unsigned(at + 10, 2) != 0L || data[at + 12].toInt() !in 0..1) {
        throw damaged("its method of compression, filtering or interlacing is unknown")
    }
    if (chunks.severalExif) throw orientationTwice("two eXIf chunks")
    val orientation = chunks.exif?.let { orientation(data, it.at, it.at + it.size) } ?: 1
    return PngFilm(chunks, pixels, orientation, interlaced = data[at + 12].toInt() != 0)
}

private class PngFilm(
    private val chunks: PngChunks,
    private val pixels: PngPixels,
    override val orientation: Int,
    private val interlaced: Boolean,
) : StoredFilm {
    override val width: Int = chunks.data.unsigned(chunks.header.at, 4).toInt()
    override val height: Int = chunks.data.unsigned(chunks.header.at + 4, 4).toInt()
    override val channels: Int = pixels.channels
    override val meaning = Meaning(if (pixels.depth == 16) 16 else 8)

    override fun open(): StoredRows =
        if (interlaced) Adam7Rows(chunks, pixels, height, width) else PlainRows(chunks, pixels, height, width)
}

/** A PNG that is not interlaced. */
private class PlainRows(chunks: PngChunks, private val pixels: PngPixels, private val height: Int, width: Int) :
    StoredRows {
    private val lines = PngLines(chunks, pixels.bits, width, skip = 0, lines = height)
    private val unpacker = pixels.unpacker(width)
    private var rows = 0

    override fun read(row: ShortArray) {
        unpacker.unpack(lines.next(), row)
        if (++rows == height) {
            lines.finish()
            unpacker.finish()
        }
    }

    override fun close() = lines.close()
}
