package org.cxredge.core.film

/** JPEG files of markers alone, right or wrong: no coded data. */
internal object TestJpeg {
    val END = byteArrayOf(-1, 0xD9.toByte())
    val SCAN = segment(0xDA, byteArrayOf(1, 1, 0, 0, 63, 0)) + byteArrayOf(0, 0)

    fun segment(marker: Int, payload: ByteArray): ByteArray {
        val length = payload.size + 2
        return byteArrayOf(-1, marker.toByte(), (length shr 8).toByte(), length.toByte()) + payload
    }

    fun exif(orientation: Int): ByteArray =
        segment(0xE1, "Exif\u0000\u0000".toByteArray() + TestPng.exifBlock(orientation))

    /** [before]: segments that stand before the frame header. */
    fun header(
        height: Int = 8,
        width: Int = 8,
        components: Int = 1,
        precision: Int = 8,
        before: ByteArray = ByteArray(0),
    ): ByteArray {
        val sizes = listOf(precision, height shr 8, height, width shr 8, width, components)
        val frame = segment(0xC0, ByteArray(sizes.size) { sizes[it].toByte() })
        return byteArrayOf(-1, 0xD8.toByte()) + before + frame + SCAN + END
    }
}
