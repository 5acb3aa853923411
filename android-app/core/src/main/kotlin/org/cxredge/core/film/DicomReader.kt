package org.cxredge.core.film

import org.cxredge.core.Refusal
import java.io.ByteArrayInputStream
import java.io.InputStream

/** Longest value that is kept: a LUT has 65,536 entries of two bytes at most. */
private const val MAX_VALUE = 1L shl 20

private const val UNDEFINED = 0xFFFFFFFFL
private const val DELIMITERS = 0xFFFE
private const val ITEM = 0xFFFEE000.toInt()
private const val ITEM_END = 0xFFFEE00D.toInt()
private const val SEQUENCE_END = 0xFFFEE0DD.toInt()

/** Most bytes behind the pixels that are looked at for what should stand before them. */
private const val MAX_BEHIND = 1 shl 20

/**
 * The elements before the pixels; those of a file that is cut are what is there.
 *
 * Throws [Refusal] IMG-DAMAGED (an element that counts twice, or behind the pixels, too; a sequence or an item that
 * passes its stated end; a delimiter outside of any sequence; a value representation that is none, or not the
 * element's own where it counts; explicit and implicit elements mixed where they count; floating-point pixels beside
 * others), IMG-TRUNCATED where the pixels pass the file's end, and IMG-SIZE beyond [MAX_ELEMENTS], [MAX_DEPTH],
 * [MAX_HEADER_BYTES] or [MAX_PIXEL_BYTES].
 */
internal fun readHeader(file: DicomFile): DicomHeader = file.open().use { stream ->
    DicomReader(stream, file.bigEndian, strict = true).dataSet(file.implicit).also { header ->
        if (header.pixels != null) {
            holdBehind(stream, header.pixels, file)
            if (header.floatPixels) throw damaged("it has floating-point pixels and others")
            holdOwn(DicomTag.PIXELS, header.pixels.vr)
            // bytes of unknown words are turned round by some readers of such files, and left by others
            if (file.bigEndian && header.pixels.vr == "UN") {
                throw damaged("its element ${tagName(DicomTag.PIXELS)} has the value representation UN")
            }
        }
    }
}

/** Refuses an element that counts and has a value representation which is not its own. */
private fun holdOwn(tag: Int, vr: String?) {
    if (vr != null && vr !in DicomTag.OWN.getOrDefault(tag, setOf(vr))) {
        throw damaged("its element ${tagName(tag)} has the value representation $vr")
    }
}

/** Refuses pixels that are cut, and elements that count behind them; what else stands there may be anything. */
private fun holdBehind(stream: InputStream, pixels: DicomPixels, file: DicomFile) {
    var left = pixels.size
    while (left > 0) {
        val passed = stream.skip(left)
        if (passed <= 0) throw truncated()
        left -= passed
    }
    val behind = ByteArray(MAX_BEHIND)
    var size = 0
    while (size < MAX_BEHIND) {
        val got = stream.read(behind, size, MAX_BEHIND - size)
        if (got < 0) break
        size += got
    }
    val reader = DicomReader(ByteArrayInputStream(behind, 0, size), file.bigEndian, strict = false)
    val first = reader.firstThatCounts(pixels.vr == null)
    if (first != null) {
        throw damaged("its element ${tagName(first)} stands behind its pixels, where readers differ")
    }
}

/**
 * Reads elements one after the other (PS3.5 7); only those of [DicomTag], and a sequence's first item, are kept.
 *
 * [strict]: whether ends that do not fit, and heads of which readers make different things, are refused. Where anything
 * may stand, a refusal would end the search early.
 */
private class DicomReader(
    private val stream: InputStream,
    private val bigEndian: Boolean,
    private val strict: Boolean,
) {
    private class End : Exception()

    private class Lead(val tag: Int, val vr: String?, val length: Long)

    /** What elements stand in, [depth] sequences deep. [counts]: one of those counts. [table]: it is that of a LUT. */
    private class Place(
        val implicit: Boolean,
        val depth: Int = 0,
        val counts: Boolean = false,
        val table: Boolean = false,
    )

    /** Of items' heads, which have no value representation. */
    private val heads = Place(implicit = true)

    private var at = 0L

    // elements and items
    private var counted = 0

    /** The first element that counts; null where there is none, or where no elements are. */
    fun firstThatCounts(implicit: Boolean): Int? {
        val place = Place(implicit)
        try {
            while (true) {
                val lead = lead(place)
                if (lead.tag in DicomTag.ONCE) return lead.tag
                keep(HashMap(), lead, place)
            }
        } catch (_: End) {
            return null
        } catch (_: Refusal) {
            return null
        }
    }

    fun dataSet(implicit: Boolean): DicomHeader {
        val elements = HashMap<Int, DicomElement>()
        var pixels: DicomPixels? = null
        try {
            var first = true
            var place = Place(implicit)
            while (pixels == null) {
                val lead = lead(place, guess = first)
                if (first) place = Place(implicit = lead.vr == null)
                first = false
                if (lead.tag ushr 16 == DELIMITERS) throw damaged("a delimiter stands outside of any sequence")
                if (lead.tag == DicomTag.PIXELS) {
                    if (lead.length == UNDEFINED) throw damaged("its pixels have no length")
                    if (lead.length > MAX_PIXEL_BYTES) throw large("announces ${lead.length} bytes of pixels")
                    pixels = DicomPixels(at, lead.length, lead.vr)
                } else {
                    keep(elements, lead, place)
                }
            }
        } catch (_: End) {
            // the caller tells a file without pixels from one that is cut
        }
        return DicomHeader(elements, pixels, bigEndian)
    }

    /**
     * An element's head. A value representation that is not two capitals means an implicit element, and the first
     * element of a data set says which of the two the whole of it is ([guess]), whatever the syntax: both kinds of
     * wrong files exist, and the reader on the host reads them so.
     */
    private fun lead(place: Place, guess: Boolean = false): Lead {
        val head = bytes(8)
        val tag = (head.unsigned(0, 2, bigEndian).toInt() shl 16) or head.unsigned(2, 2, bigEndian).toInt()
        if (tag != ITEM_END && tag != SEQUENCE_END && ++counted > MAX_ELEMENTS) {
            throw large("has more than $MAX_ELEMENTS elements and items")
        }
        val vr = String(head, 4, 2, Charsets.ISO_8859_1)
        val withoutVr = tag ushr 16 == DELIMITERS || place.implicit && !guess
        val capitals = vr.all { it in 'A'..'Z' }
        if (strict && !withoutVr && !capitals && !guess) holdMixed(tag, vr, place)
        if (withoutVr || !capitals) return Lead(tag, null, head.unsigned(4, 4, bigEndian))
        val length = if (vr in DicomTag.LONG) bytes(4).unsigned(0, 4, bigEndian) else head.unsigned(6, 2, bigEndian)
        return Lead(tag, vr, length)
    }

    /** Refuses an implicit head among explicit elements where readers make different things of it. */
    private fun holdMixed(tag: Int, vr: String, place: Place) {
        // the reader on the host takes what lies between these for a value representation, whatever it is
        if (vr in "AA".."ZZ") throw damaged("one of its elements has a value representation that is none")
        if (place.counts || tag in DicomTag.ONCE) {
            throw damaged("its header mixes explicit and implicit elements, such as ${tagName(tag)}")
        }
    }

    private fun keep(elements: MutableMap<Int, DicomElement>, lead: Lead, place: Place) {
        if (lead.tag in elements) {
            throw damaged("its element ${tagName(lead.tag)} stands twice in one place, where readers differ")
        }
        hold(lead, place)
        val vr = if (lead.vr == null || lead.vr == "UN") DicomTag.VR[lead.tag] else lead.vr
        val counts = lead.tag in DicomTag.VR
        when {
            vr == "SQ" && counts -> elements[lead.tag] = sequence(lead, place)
            // looked through all the same: what is in it counts towards the bounds
            vr == "SQ" || lead.length == UNDEFINED && (lead.vr == null || lead.vr == "UN") -> sequence(lead, place)
            lead.length == UNDEFINED -> fragments()
            counts && lead.length <= MAX_VALUE ->
                elements[lead.tag] = DicomElement(vr.orEmpty(), bytes(lead.length.toInt()))
            counts -> throw damaged("one of its elements has ${lead.length} bytes")
            else -> skip(lead.length)
        }
        if (lead.tag == DicomTag.FLOAT_PIXELS || lead.tag == DicomTag.DOUBLE_PIXELS) {
            elements[lead.tag] = DicomElement("", ByteArray(0))
        }
    }

    /** Refuses a value of another kind than its element's where it counts: in a data set, and in a LUT. */
    private fun hold(lead: Lead, place: Place) {
        val own = DicomTag.OWN[lead.tag] ?: return
        val lut = lead.tag == DicomTag.LUT_DESCRIPTOR || lead.tag == DicomTag.LUT_DATA
        if (!strict || place.depth > 0 && !(place.table && lut)) return
        holdOwn(lead.tag, lead.vr)
        if (lead.length == UNDEFINED && "SQ" !in own) throw damaged("its element ${tagName(lead.tag)} has no length")
    }

    /** Passes what is no sequence and has no length, such as a compressed icon: its items hold no elements. */
    private fun fragments() {
        while (true) {
            val item = lead(heads)
            if (item.tag == SEQUENCE_END) return
            if (item.tag != ITEM || item.length == UNDEFINED) {
                throw damaged("one of its elements has neither a length nor fragments")
            }
            skip(item.length)
        }
    }

    private fun sequence(lead: Lead, place: Place): DicomElement {
        if (place.depth == MAX_DEPTH) throw large("nests sequences more than $MAX_DEPTH deep")
        val end = if (lead.length == UNDEFINED) Long.MAX_VALUE else at + lead.length
        // PS3.5 6.2.2: an unknown value of undefined length is implicit inside
        val implicit = place.implicit || lead.vr == "UN"
        val table = place.depth == 0 && (lead.tag == DicomTag.MODALITY_LUT || lead.tag == DicomTag.VOI_LUT)
        val inside = Place(implicit, place.depth + 1, place.counts || lead.tag in DicomTag.ONCE, table)
        val items = ArrayList<DicomHeader>()
        var count = 0
        while (at < end) {
            val item = lead(heads)
            if (item.tag == SEQUENCE_END) break
            if (item.tag != ITEM) throw damaged("one of its sequences holds something else than items")
            val read = item(item.length, inside)
            count++
            // only the first ever counts, and a file may hold millions
            if (items.isEmpty()) items += read
        }
        holdEnd(end, "sequences")
        return DicomElement("SQ", ByteArray(0), items, count)
    }

    private fun item(length: Long, place: Place): DicomHeader {
        val end = if (length == UNDEFINED) Long.MAX_VALUE else at + length
        val elements = HashMap<Int, DicomElement>()
        while (at < end) {
            val lead = lead(place)
            if (lead.tag == ITEM_END) break
            keep(elements, lead, place)
        }
        holdEnd(end, "items")
        return DicomHeader(elements, pixels = null, bigEndian)
    }

    /** Behind what a stated length held: readers go on from the length's end, or from where its last part ended. */
    private fun holdEnd(end: Long, what: String) {
        if (strict && end != Long.MAX_VALUE && at != end) throw damaged("one of its $what has another length than it says")
    }

    private fun bytes(count: Int): ByteArray {
        pass(count.toLong())
        val bytes = ByteArray(count)
        var filled = 0
        while (filled < count) {
            val got = stream.read(bytes, filled, count - filled)
            if (got < 0) throw End()
            filled += got
        }
        return bytes
    }

    private fun skip(count: Long) {
        pass(count)
        var left = count
        while (left > 0) {
            val passed = stream.skip(left)
            if (passed <= 0) throw End()
            left -= passed
        }
    }

    /** Notes bytes before they are read, or found missing. */
    private fun pass(count: Long) {
        at += count
        if (at > MAX_HEADER_BYTES) throw large("has more than $MAX_HEADER_BYTES bytes before its pixels")
    }

    private fun large(how: String): Refusal =
        Refusal("IMG-SIZE", "the image: its header $how", "export the film alone, without what was added to its header")
}
