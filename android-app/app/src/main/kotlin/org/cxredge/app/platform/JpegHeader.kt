package org.cxredge.app.platform

import org.cxredge.core.Refusal

/**
 * What a JPEG's markers say (ITU-T T.81, annex B), and the same JPEG without APP2 segments: Android converts pixels by
 * an ICC profile found there, and the specified preprocessing takes them as they are stored.
 */
class JpegHeader private constructor(
    /** 1 or 3. */
    val channels: Int,
    val bytes: ByteArray,
) {
    companion object {
        private const val APP2 = 0xE2
        private const val START_OF_SCAN = 0xDA

        /** SOF0..SOF15 without DHT, JPG and DAC, which lie among them. */
        private val FRAMES = (0xC0..0xCF) - setOf(0xC4, 0xC8, 0xCC)

        /** Throws [Refusal] IMG-DAMAGED, IMG-TRUNCATED, IMG-COLOUR. */
        fun read(jpeg: ByteArray): JpegHeader {
            val kept = java.io.ByteArrayOutputStream(jpeg.size)
            fun byte(at: Int): Int = if (at < jpeg.size) jpeg[at].toInt() and 0xFF else throw cut()
            if (byte(0) != 0xFF || byte(1) != 0xD8) throw damaged("no start marker")
            kept.write(jpeg, 0, 2)
            var at = 2
            var channels = 0
            while (true) {
                if (byte(at) != 0xFF) throw damaged("no marker at byte $at")
                while (byte(at + 1) == 0xFF) at++
                val marker = byte(at + 1)
                val length = (byte(at + 2) shl 8) or byte(at + 3)
                if (length < 2) throw damaged("a segment of $length bytes")
                if (marker in FRAMES) channels = byte(at + 9)
                if (marker == START_OF_SCAN) break
                if (at + 2 + length > jpeg.size) throw cut()
                if (marker != APP2) kept.write(jpeg, at, 2 + length)
                at += 2 + length
            }
            kept.write(jpeg, at, jpeg.size - at)
            if (channels != 1 && channels != 3) {
                throw Refusal("IMG-COLOUR", "the JPEG has $channels channels", "save it as grey or RGB")
            }
            return JpegHeader(channels, kept.toByteArray())
        }

        private fun damaged(what: String) = Refusal("IMG-DAMAGED", "JPEG: $what", "export the film again from its source")

        private fun cut() = Refusal("IMG-TRUNCATED", "the JPEG ends before its image does", "copy the file again")
    }
}
