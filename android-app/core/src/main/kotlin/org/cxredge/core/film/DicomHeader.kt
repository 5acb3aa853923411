package org.cxredge.core.film

import org.cxredge.core.Refusal

/** Tags that count (PS3.6), group and element. */
internal object DicomTag {
    const val SOP_CLASS = 0x00080016
    const val MODALITY = 0x00080060
    const val BODY_PART = 0x00180015
    const val VIEW = 0x00185101
    const val SAMPLES = 0x00280002
    const val PHOTOMETRIC = 0x00280004
    const val PLANAR = 0x00280006
    const val FRAMES = 0x00280008
    const val ROWS = 0x00280010
    const val COLUMNS = 0x00280011
    const val BITS_ALLOCATED = 0x00280100
    const val BITS_STORED = 0x00280101
    const val HIGH_BIT = 0x00280102
    const val REPRESENTATION = 0x00280103
    const val CENTRE = 0x00281050
    const val WIDTH = 0x00281051
    const val INTERCEPT = 0x00281052
    const val SLOPE = 0x00281053
    const val VOI_FUNCTION = 0x00281056
    const val MODALITY_LUT = 0x00283000
    const val LUT_DESCRIPTOR = 0x00283002
    const val LUT_DATA = 0x00283006
    const val VOI_LUT = 0x00283010
    const val PRESENTATION_LUT = 0x20500010
    const val PRESENTATION_SHAPE = 0x20500020
    const val SHARED_GROUPS = 0x52009229
    const val FRAME_GROUPS = 0x52009230
    const val FLOAT_PIXELS = 0x7FE00008
    const val DOUBLE_PIXELS = 0x7FE00009
    const val PIXELS = 0x7FE00010

    /** Value representations in implicit files; how a LUT's numbers are read does not hang on theirs. */
    val VR: Map<Int, String> =
        listOf(SAMPLES, PLANAR, ROWS, COLUMNS, BITS_ALLOCATED, BITS_STORED, HIGH_BIT, REPRESENTATION)
            .associateWith { "US" } +
            listOf(MODALITY, BODY_PART, VIEW, PHOTOMETRIC, VOI_FUNCTION, PRESENTATION_SHAPE).associateWith { "CS" } +
            listOf(CENTRE, WIDTH, INTERCEPT, SLOPE).associateWith { "DS" } +
            listOf(MODALITY_LUT, VOI_LUT, PRESENTATION_LUT, SHARED_GROUPS, FRAME_GROUPS).associateWith { "SQ" } +
            mapOf(SOP_CLASS to "UI", FRAMES to "IS", LUT_DESCRIPTOR to "US", LUT_DATA to "US or OW")

    /** Value representations that an element which counts may have, where it has one. */
    val OWN: Map<Int, Set<String>> = VR.mapValues { (_, vr) -> setOf(vr, "UN") } +
        listOf(LUT_DESCRIPTOR, LUT_DATA).associateWith { setOf("US", "SS", "OW", "OB", "UN") } +
        (PIXELS to setOf("OB", "OW", "UN"))

    /** Elements of which a data set or an item has one at most, before the pixels (PS3.5 7.1). */
    val ONCE: Set<Int> = VR.keys + setOf(FLOAT_PIXELS, DOUBLE_PIXELS, PIXELS)

    /** Value representations whose length takes four bytes (PS3.5 7.1.2). */
    val LONG: Set<String> = setOf("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
}

internal fun tagName(tag: Int): String = "(%04X,%04X)".format(tag ushr 16, tag and 0xFFFF)

/** One element's value; where it is a sequence, of [count] items, [items] has the first, if any. */
internal class DicomElement(
    val vr: String,
    val value: ByteArray,
    val items: List<DicomHeader> = emptyList(),
    val count: Int = 0,
)

/** Where the pixels lie in the data set, in bytes. [vr]: null in implicit files. */
internal class DicomPixels(val at: Long, val size: Long, val vr: String?)

/** The elements that count, of a data set or of a sequence's item, up to its pixels. */
internal class DicomHeader(
    private val elements: Map<Int, DicomElement>,
    val pixels: DicomPixels?,
    val bigEndian: Boolean,
) {
    val floatPixels: Boolean get() = DicomTag.FLOAT_PIXELS in elements || DicomTag.DOUBLE_PIXELS in elements

    operator fun contains(tag: Int): Boolean = tag in elements

    operator fun get(tag: Int): DicomElement? = elements[tag]

    fun items(tag: Int): List<DicomHeader> = elements[tag]?.items.orEmpty()

    /** Whether a text element has several values, or a sequence several items. */
    fun several(tag: Int): Boolean = '\\' in text(tag).trim(' ') || (elements[tag]?.count ?: 0) > 1

    /** An integer element. Throws [Refusal] IMG-DAMAGED where it is absent without a default, or no integer. */
    fun whole(tag: Int, default: Long? = null): Long {
        val element = elements[tag]
        if (element == null || element.value.isEmpty()) return default ?: throw unusable(tag)
        val number = if (element.vr == "IS") {
            text(tag).trim(' ').ifEmpty { return default ?: throw unusable(tag) }.toLongOrNull()
        } else {
            numbers(element, 2).singleOrNull()
        }
        return number ?: throw unusable(tag)
    }

    /** The words of a list of unsigned [bytes]-byte integers; empty where the value is no such list. */
    fun numbers(element: DicomElement, bytes: Int): List<Long> {
        if (element.value.size % bytes != 0) return emptyList()
        return List(element.value.size / bytes) { element.value.unsigned(bytes * it, bytes, bigEndian) }
    }

    /** First value of a decimal element, null where it is absent or empty. Throws [Refusal] IMG-NAN, IMG-DAMAGED. */
    fun number(tag: Int): Double? {
        val values = text(tag).trim(' ')
        if (values.isEmpty()) return null
        // the first counts, and the others are numbers all the same
        val all = values.split('\\').map { it.trim(' ').trimEnd(' ', '\u0000') }
        val first = all.first()
        if (all.any { it.isNotEmpty() && !DECIMAL.matches(it) && !NOT_FINITE.matches(it) }) throw unusable(tag)
        if (NOT_FINITE.matches(first)) throw notFinite(tag, first)
        if (!DECIMAL.matches(first)) throw unusable(tag)
        val number = first.toDouble()
        return if (number.isFinite()) number else throw notFinite(tag, first)
    }

    /** A text element without its padding, "" where it is absent. */
    fun text(tag: Int): String =
        elements[tag]?.let { String(it.value, Charsets.ISO_8859_1).trimEnd(' ', '\u0000') }.orEmpty()

    private fun notFinite(tag: Int, value: String): Refusal =
        Refusal("IMG-NAN", "the image: its ${name(tag)} is ${value.take(24)}", "correct the header")

    private fun unusable(tag: Int): Refusal = damaged("its header has no usable ${name(tag)}")

    private fun name(tag: Int): String = "element ${tagName(tag)}"

    private companion object {
        val DECIMAL = Regex("[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")
        val NOT_FINITE = Regex("[+-]?(nan|inf|infinity)", RegexOption.IGNORE_CASE)
    }
}
