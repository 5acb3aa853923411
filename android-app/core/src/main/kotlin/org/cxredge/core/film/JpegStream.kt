package org.cxredge.core.film

import org.cxredge.core.Refusal
import java.io.ByteArrayOutputStream

internal const val JPEG_SIGNATURE = "\u00ff\u00d8\u00ff"

/** Most scans: a few hundred bytes each can cost the decoder a pass over the whole film. */
private const val MAX_SCANS = 100

/** Most pixels of all scans together: progressive files have 6 to 12 scans. */
private const val MAX_SCANNED_PIXELS = 16L * 64 * 1024 * 1024

internal const val SOS = 0xDA
private const val APP1 = 0xE1
private const val APP2 = 0xE2

/** Bytes of a segment before its payload: marker and length. */
private const val HEAD = 4

/** Start-of-frame markers: C0..CF without DHT (C4), JPG (C8) and DAC (CC), and JPEG-LS's F7 (T.87). */
internal val FRAME_MARKERS = (0xC0..0xCF).toSet() - setOf(0xC4, 0xC8, 0xCC) + 0xF7

/**
 * The headers of a JPEG stream (ITU-T T.81 Annex B), judged before a decoder sees it.
 *
 * Throws [Refusal] IMG-DAMAGED (no frame header, or two), IMG-TRUNCATED (no end marker), IMG-SIZE (too many scans,
 * or more than [checkBounds] lets pass).
 */
internal class JpegStream(private val data: ByteArray) {
    /** A header segment's payload. */
    private class Segment(val marker: Int, val from: Int, val to: Int)

    /** Every header segment, the first SOS included and last; found anew with each use: [checkBounds] bounds them. */
    private val segments: Sequence<Segment> = sequence { headers() }

    /** Bits of a sample. */
    val precision: Int
    val height: Int
    val width: Int
    val components: Int

    init {
        checkBounds(data)
        val frame = segments.firstOrNull { it.marker in FRAME_MARKERS && it.to - it.from >= 6 }
        val scan = segments.lastOrNull()
        if (frame == null || scan?.marker != SOS) throw damaged("the compressed image has no readable frame header")
        if (segments.count { it.marker in FRAME_MARKERS } > 1) throw damaged("it has two frame headers")
        precision = data.unsigned(frame.from, 1).toInt()
        height = data.unsigned(frame.from + 1, 2).toInt()
        width = data.unsigned(frame.from + 3, 2).toInt()
        components = data.unsigned(frame.from + 5, 1).toInt()
        // FF D9 cannot stand inside coded data; cameras append blocks of their own after it
        if (lastMarker(EOI) < scan.to) {
            throw Refusal(
                "IMG-TRUNCATED",
                "the image: the compressed image has no end marker",
                "copy or export the film again",
            )
        }
        val scans = countMarkers(SOS)
        val pixels = height.toLong() * width
        if (scans > MAX_SCANS || scans * pixels > MAX_SCANNED_PIXELS) {
            throw Refusal(
                "IMG-SIZE",
                "the image: the JPEG image has $scans scans of $pixels pixels; at most $MAX_SCANS scans, and " +
                    "$MAX_SCANNED_PIXELS pixels in all of them, are read",
                "save it as a baseline JPEG",
            )
        }
    }

    /**
     * Exif orientation of the one Exif block; 1 where there is none. Throws [Refusal] IMG-ORIENTATION, where there are
     * two blocks too, of which readers take either.
     */
    fun orientation(): Int {
        val blocks = segments.filter {
            it.marker == APP1 && it.to - it.from >= 6 && data.startsWith("Exif\u0000", it.from)
        }.take(2).toList()
        if (blocks.size > 1) throw orientationTwice("two Exif blocks")
        return blocks.firstOrNull()?.let { orientation(data, it.from + 6, it.to) } ?: 1
    }

    /**
     * Whether the multi-picture index (CIPA DC-007, 5.2.3) counts more than one picture. A gain map of an Ultra HDR
     * picture is none, as for the reader on the host.
     */
    fun severalPictures(): Boolean {
        val index = segments.lastOrNull { it.marker == APP2 && data.startsWith("MPF\u0000", it.from) } ?: return false
        val pictures = try {
            Tiff(data, index.from + 4, index.to).find(0xB001)?.value ?: 1
        } catch (_: TiffException) {
            return false
        }
        return pictures > 1 && segments.none { it.marker == APP1 && contains(" hdrgm:Version=\"", it) }
    }

    /** Throws [Refusal] IMG-TRUNCATED, IMG-DAMAGED where the coded data is not the picture that the header claims. */
    fun checkCoverage() = checkCoverage(data)

    /**
     * The same stream without APP2 segments: decoders convert pixels by an ICC profile found there, and the specified
     * preprocessing takes them as they are stored. The bytes themselves where there is none.
     */
    fun withoutProfiles(): ByteArray {
        val dropped = segments.filter { it.marker == APP2 }
        if (dropped.none()) return data
        val kept = ByteArrayOutputStream(data.size)
        var from = 0
        for (segment in dropped) {
            kept.write(data, from, segment.from - HEAD - from)
            from = segment.to
        }
        kept.write(data, from, data.size - from)
        return kept.toByteArray()
    }

    /** Ends early, without a word, where the bytes are no segment: what is then missing tells the caller. */
    private suspend fun SequenceScope<Segment>.headers() {
        var at = 2
        while (at + HEAD <= data.size && data[at].toInt() == -1) {
            val marker = data.unsigned(at + 1, 1).toInt()
            if (marker == 0xFF) {
                // a fill byte
                at++
                continue
            }
            val length = data.unsigned(at + 2, 2).toInt()
            if (length < 2 || at + 2 + length > data.size) return
            yield(Segment(marker, at + HEAD, at + 2 + length))
            if (marker == SOS) return
            at += 2 + length
        }
    }

    private fun isMarker(at: Int, marker: Int): Boolean =
        data[at].toInt() == -1 && data[at + 1] == marker.toByte()

    private fun lastMarker(marker: Int): Int {
        var at = data.size - 2
        while (at >= 0 && !isMarker(at, marker)) at--
        return at
    }

    private fun countMarkers(marker: Int): Int {
        var count = 0
        for (at in 0 until data.size - 1) if (isMarker(at, marker)) count++
        return count
    }

    private fun contains(text: String, segment: Segment): Boolean =
        (segment.from..segment.to - text.length).any { data.startsWith(text, it) }
}
