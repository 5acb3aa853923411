package org.cxredge.core.film

import org.cxredge.core.Refusal

private const val SOF0 = 0xC0
private const val SOF1 = 0xC1
private const val SOF2 = 0xC2
private const val DHT = 0xC4
internal const val EOI = 0xD9
private const val DNL = 0xDC
private const val DRI = 0xDD

/** Most blocks of an MCU (T.81 B.2.3). */
private const val MAX_BLOCKS = 10

/**
 * Holds a JPEG's coded data against the frame that its header claims, before a decoder sees it: decoders fill what is
 * missing with grey, without a word.
 *
 * Every block of every component must be there; in a progressive frame, every bit of every coefficient. The data is
 * walked once, Huffman code by Huffman code (T.81 Annexes F and G); no pixel is computed. A scan may cost a step a
 * block however short it is, so the number of scans must be bounded by the caller.
 * Throws [Refusal] IMG-TRUNCATED where something is missing, IMG-SYNTAX for other processes than sequential and
 * progressive Huffman coding, IMG-DAMAGED for what is wrong, has two frames or redefines its height.
 */
internal fun checkCoverage(data: ByteArray) = JpegCoverage(data).check()

/** What coded data is refused by that does not reach the end of its picture. */
internal fun uncovered(): Refusal = Refusal(
    "IMG-TRUNCATED",
    "the image: its coded data ends before the picture that its header claims",
    "copy or export the film again",
)

private class JpegCoverage(private val data: ByteArray) {
    private class Frame(val progressive: Boolean, val components: List<JpegComponent>, val columns: Int, val rows: Int)

    private class Table(val from: Int) {
        var built: JpegHuffman? = null
    }

    private var frame: Frame? = null
    private var interval = 0
    private var scanned = false

    // by class (0 DC, 1 AC) and destination; built when a scan first names them, because a file may define millions
    private val tables = Array(2) { arrayOfNulls<Table>(4) }

    fun check() {
        var at = 2
        while (true) {
            if (at + 1 >= data.size) throw uncovered()
            if (byte(at) != 0xFF) throw damaged("bytes stand between its segments")
            val marker = byte(at + 1)
            if (marker == 0xFF) {
                at++
                continue
            }
            if (marker == EOI) break
            if (marker in RST0..RST7 && scanned) {
                // one too many behind a scan
                at += 2
                continue
            }
            if (at + 4 > data.size) throw uncovered()
            val to = at + 2 + word(at + 2)
            if (to < at + 4) throw damaged("one of its segments has no length")
            if (to > data.size) throw uncovered()
            at = segment(marker, at + 4, to)
        }
        if (frame?.components?.all { it.complete } != true) throw uncovered()
    }

    /** Returns where the next marker stands. */
    private fun segment(marker: Int, from: Int, to: Int): Int {
        when (marker) {
            DHT -> define(from, to)
            DRI -> interval = if (to - from == 2) word(from) else throw damaged("its restart interval is no number")
            DNL -> throw damaged("it redefines its height")
            SOS -> return scan(from, to)
            in FRAME_MARKERS -> frame = frame(marker, from, to)
        }
        return to
    }

    private fun frame(marker: Int, from: Int, to: Int): Frame {
        if (frame != null) throw damaged("it has two frame headers")
        if (marker !in setOf(SOF0, SOF1, SOF2)) {
            throw Refusal(
                "IMG-SYNTAX",
                "the image: its coding process (marker FF%02X) is not read".format(marker),
                "save it as a baseline JPEG",
            )
        }
        val count = if (to - from < 6) 0 else byte(from + 5)
        if (count == 0 || to - from != 6 + 3 * count) throw damaged("its frame header has another length than it says")
        val components = List(count) {
            val at = from + 6 + 3 * it
            JpegComponent(byte(at), byte(at + 1) ushr 4, byte(at + 1) and 15)
        }
        if (components.any { it.across !in 1..4 || it.down !in 1..4 }) throw damaged("its sampling factors are none")
        if (components.distinctBy { it.id }.size != count) throw damaged("two of its components have one name")
        val across = components.maxOf { it.across }
        val down = components.maxOf { it.down }
        val height = word(from + 1)
        val width = word(from + 3)
        for (one in components) {
            one.columns = blocks(width * one.across, across)
            one.rows = blocks(height * one.down, down)
        }
        return Frame(marker == SOF2, components, blocks(width, across), blocks(height, down))
    }

    /** [samples] / [share], in blocks of 8. */
    private fun blocks(samples: Int, share: Int): Int = (samples + 8 * share - 1) / (8 * share)

    private fun define(from: Int, to: Int) {
        var at = from
        while (at < to) {
            val kind = byte(at) ushr 4
            val destination = byte(at) and 15
            if (kind > 1 || destination > 3) throw damaged("one of its Huffman tables has no place")
            tables[kind][destination] = Table(at + 1)
            at += 1 + JpegHuffman.size(data, at + 1, to)
        }
    }

    private fun table(kind: Int, destination: Int): JpegHuffman? {
        val table = tables[kind].getOrNull(destination) ?: return null
        return table.built ?: JpegHuffman(data, table.from).also { table.built = it }
    }

    private fun scan(from: Int, to: Int): Int {
        val frame = frame ?: throw damaged("a scan stands before its frame header")
        val count = if (to > from) byte(from) else 0
        if (count !in 1..4 || to - from != 4 + 2 * count) throw damaged("one of its scans has no usable header")
        val coded = List(count) {
            val id = byte(from + 1 + 2 * it)
            val component = frame.components.find { one -> one.id == id } ?: throw damaged("a scan names no component")
            val places = byte(from + 2 + 2 * it)
            JpegCoded(component, table(0, places ushr 4), table(1, places and 15))
        }
        if (coded.distinctBy { it.component }.size != count) throw damaged("a scan names a component twice")
        val single = coded.singleOrNull()?.component
        if (single == null && coded.sumOf { it.component.across * it.component.down } > MAX_BLOCKS) {
            throw damaged("one of its scans has more than $MAX_BLOCKS blocks an MCU")
        }
        val band = band(frame, to)
        if (frame.progressive && (if (band.first == 0) band.last != 0 else single == null)) {
            throw damaged("one of its scans mixes what a progressive image sends apart")
        }
        val units = if (single == null) frame.columns * frame.rows else single.columns * single.rows
        val bits = JpegBits(data, to)
        for (one in coded) send(one.component, band)
        val scan = JpegScan(bits, coded, band, units, interval)
        if (frame.progressive) scan.progressive() else scan.sequential()
        scanned = true
        return bits.end()
    }

    /** The scan's band, from the last three bytes of its header. A sequential frame sends all at once. */
    private fun band(frame: Frame, to: Int): JpegBand {
        if (!frame.progressive) return JpegBand(0, JpegComponent.COEFFICIENTS - 1, 0, 0)
        return JpegBand(byte(to - 3), byte(to - 2), byte(to - 1) ushr 4, byte(to - 1) and 15)
    }

    /** Notes what a scan sends of a component, which must be what is missing next (T.81 G.1.1.1). */
    private fun send(component: JpegComponent, band: JpegBand) {
        val usable = band.last in band.first until JpegComponent.COEFFICIENTS && band.low <= MAX_LOW &&
            (band.high == 0 || band.low == band.high - 1)
        val before = if (band.high == 0) JpegComponent.UNSENT else band.high
        if (band.first > 0 && component.sent[0] == JpegComponent.UNSENT) throw damaged("its scans are out of turn")
        if (!usable || (band.first..band.last).any { component.sent[it] != before }) {
            throw damaged("its scans do not send each coefficient once")
        }
        component.sent.fill(band.low, band.first, band.last + 1)
        if (band.first > 0 && (band.low > 0 || band.high > 0) && component.nonzero.isEmpty()) {
            component.nonzero = LongArray(component.columns * component.rows)
        }
    }

    private fun byte(at: Int): Int = data[at].toInt() and 255

    private fun word(at: Int): Int = byte(at) shl 8 or byte(at + 1)

    private companion object {
        /** Most bits that a first scan may leave for later ones (T.81 B.2.3). */
        const val MAX_LOW = 13
    }
}
