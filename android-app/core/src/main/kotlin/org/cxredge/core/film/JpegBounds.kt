package org.cxredge.core.film

import org.cxredge.core.Refusal

/**
 * Refuses a JPEG of more than [MAX_INTERVALS] restart intervals in all its scans, or of more than [MAX_SEGMENTS] marker
 * segments before and between them, by IMG-SIZE.
 *
 * One pass over the bytes that decodes nothing, before anything else walks them. Ends, without a word, where the bytes
 * are no JPEG any more: what is then missing is for others to say.
 */
internal fun checkBounds(data: ByteArray) = JpegBounds(data).check()

private class JpegBounds(private val data: ByteArray) {
    private var segments = 0
    private var intervals = 0

    fun check() {
        var at = 2
        while (at + 4 <= data.size && isFf(at)) {
            val marker = data.unsigned(at + 1, 1).toInt()
            if (marker == 0xFF) {
                // a fill byte
                at++
                continue
            }
            // before the first scan it is passed like any segment, as those who look for the frame pass it
            if (marker == EOI && intervals > 0) return
            if (marker in RST0..RST7 && intervals > 0) {
                // one too many behind a scan
                at += 2
                continue
            }
            val length = data.unsigned(at + 2, 2).toInt()
            if (length < 2 || at + 2 + length > data.size) return
            if (++segments > MAX_SEGMENTS) throw large("more than $MAX_SEGMENTS marker segments")
            at += 2 + length
            if (marker == SOS) at = behindCoded(at)
        }
    }

    /** Where the first marker behind the coded data at [from] is that is no restart marker, or the file's end. */
    private fun behindCoded(from: Int): Int {
        var at = from
        interval()
        while (true) {
            while (at < data.size && !isFf(at)) at++
            while (at < data.size && isFf(at)) at++
            if (at == data.size) return at
            val marker = data.unsigned(at, 1).toInt()
            // a zero makes FF a byte of data
            if (marker in RST0..RST7) interval() else if (marker != 0) return at - 1
            at++
        }
    }

    private fun interval() {
        if (++intervals > MAX_INTERVALS) throw large("more than $MAX_INTERVALS restart intervals")
    }

    private fun isFf(at: Int): Boolean = data[at].toInt() == -1

    private fun large(what: String): Refusal =
        Refusal("IMG-SIZE", "the image: the JPEG image has $what", "save it as a baseline JPEG")
}
