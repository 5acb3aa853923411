package org.cxredge.core.film

import org.cxredge.core.Refusal

/**
 * Rows of an interlaced PNG (Adam7, PNG 3rd ed., 8.2), top to bottom.
 *
 * A row's pixels come from up to four passes that lie far apart in the file. Each pass has its own inflater, which
 * skips what lies before it: the data is inflated twice in all, and no more than a line of each pass is held.
 */
internal class Adam7Rows(
    chunks: PngChunks,
    private val pixels: PngPixels,
    private val height: Int,
    private val width: Int,
) : StoredRows {
    private class Pass(val top: Int, val left: Int, val down: Int, val right: Int)

    private class Reader(val pass: Pass, val lines: PngLines, val unpacker: PngPixels.Unpacker, val row: ShortArray)

    private val readers = ArrayList<Reader>()
    private var rows = 0

    init {
        var skip = 0L
        try {
            for (pass in PASSES) {
                val across = (width - pass.left + pass.right - 1) / pass.right
                val lines = (height - pass.top + pass.down - 1) / pass.down
                if (across <= 0 || lines <= 0) continue
                readers += Reader(
                    pass,
                    PngLines(chunks, pixels.bits, across, skip, lines),
                    pixels.unpacker(across),
                    ShortArray(across * pixels.channels),
                )
                skip += lines.toLong() * (PngLines.lineBytes(pixels.bits, across) + 1)
            }
        } catch (refusal: Refusal) {
            close()
            throw refusal
        }
    }

    override fun read(row: ShortArray) {
        for (reader in readers) {
            val pass = reader.pass
            if (rows % pass.down != pass.top) continue
            reader.unpacker.unpack(reader.lines.next(), reader.row)
            for (x in 0 until reader.row.size / pixels.channels) {
                val to = (pass.left + x * pass.right) * pixels.channels
                for (c in 0 until pixels.channels) row[to + c] = reader.row[x * pixels.channels + c]
            }
        }
        if (++rows == height) {
            readers.last().lines.finish()
            for (reader in readers) reader.unpacker.finish()
        }
    }

    override fun close() = readers.forEach { it.lines.close() }

    private companion object {
        val PASSES = listOf(
            Pass(top = 0, left = 0, down = 8, right = 8),
            Pass(top = 0, left = 4, down = 8, right = 8),
            Pass(top = 4, left = 0, down = 8, right = 4),
            Pass(top = 0, left = 2, down = 4, right = 4),
            Pass(top = 2, left = 0, down = 4, right = 2),
            Pass(top = 0, left = 1, down = 2, right = 2),
            Pass(top = 1, left = 0, down = 2, right = 1),
        )
    }
}
