package org.cxredge.core.film

import org.cxredge.core.Refusal

/**
 * Bits, sign, modality transform, VOI and polarity of a grey film, or the bits of an RGB one; images/dicom_meaning.py
 * is the reference. Throws [Refusal] IMG-DAMAGED (bits contradict each other), IMG-RESCALE, IMG-WINDOW, IMG-NAN.
 */
internal fun meaningOf(header: DicomHeader): Meaning {
    val allocated = header.whole(DicomTag.BITS_ALLOCATED)
    val stored = header.whole(DicomTag.BITS_STORED)
    val signed = header.whole(DicomTag.REPRESENTATION, 0)
    if (stored !in 1..allocated || header.whole(DicomTag.HIGH_BIT, stored - 1) != stored - 1 || signed !in 0..1) {
        throw damaged("its bits allocated, bits stored, high bit and representation do not fit together")
    }
    val photometric = header.text(DicomTag.PHOTOMETRIC)
    if (photometric == "RGB") return Meaning(stored.toInt())
    val modality = lut(header, DicomTag.MODALITY_LUT, "IMG-RESCALE", signed == 1L)
    val slope = header.number(DicomTag.SLOPE)
    val intercept = header.number(DicomTag.INTERCEPT)
    if ((slope == null) != (intercept == null) || modality != null && slope != null || slope == 0.0) {
        throw Refusal(
            "IMG-RESCALE",
            "the image: rescale slope $slope, intercept $intercept and modality LUT do not give one modality transform",
            "correct the header: slope (not 0) and intercept together, or a modality LUT, or neither",
        )
    }
    return Meaning(
        bits = stored.toInt(),
        signed = signed == 1L,
        slope = slope ?: 1.0,
        intercept = intercept ?: 0.0,
        modality = modality,
        voi = lut(header, DicomTag.VOI_LUT, "IMG-WINDOW", signed == 1L) ?: window(header),
        inverted = photometric == "MONOCHROME1",
    )
}

private fun window(header: DicomHeader): VoiWindow? {
    val centre = header.number(DicomTag.CENTRE)
    val width = header.number(DicomTag.WIDTH)
    if (centre == null && width == null) return null
    val name = header.text(DicomTag.VOI_FUNCTION).trim().uppercase().ifEmpty { "LINEAR" }
    val function = VoiFunction.entries.firstOrNull { it.name == name }
    val narrow = width == null || width <= 0 || function == VoiFunction.LINEAR && width < 1
    if (function == null || centre == null || width == null || narrow) {
        throw Refusal(
            "IMG-WINDOW",
            "the image: window centre $centre, width $width, function ${name.take(16)} cannot be applied",
            "correct the header: a width of at least 1 (LINEAR) or above 0, and a function that is read",
        )
    }
    return VoiWindow(centre, width, function)
}

/** The first item of a LUT sequence (PS3.3 C.11.1.1.1): a descriptor (entries, first input, bits) and the data. */
private fun lut(header: DicomHeader, tag: Int, code: String, signed: Boolean): Lut? {
    val item = header.items(tag).firstOrNull() ?: return null
    val descriptor = item[DicomTag.LUT_DESCRIPTOR]
    val data = item[DicomTag.LUT_DATA]

    fun refuse(cause: String): Refusal =
        Refusal(code, "the image: its look-up table $cause", "export the film again, or with a window instead")

    val three = descriptor?.let {
        // implicit files do not say which of the two it is
        item.numbers(it, 2, signed = it.vr == "SS" || it.vr == "US or SS" && signed)
    }
    if (three?.size != 3 || data == null) throw refuse("has no descriptor of three numbers, or no data")
    // a count of 0 means 65536; count and bits are unsigned even where the element was written as signed
    val count = (three[0].toInt() and 0xFFFF).let { if (it == 0) 1 shl 16 else it }
    val bits = three[2].toInt() and 0xFFFF
    if (bits !in 8..16) throw refuse("has $bits bits an entry, not 8 to 16")
    // 8-bit entries may be packed, two in a word
    val words = data.vr == "US" || data.vr == "SS"
    val packed = !words && bits == 8 && data.value.size == count + count % 2
    val all = item.numbers(data, if (packed) 1 else 2, signed = false)
    val entries = IntArray(if (words) all.size else minOf(count, all.size)) { all[it].toInt() }
    if (entries.size != count) throw refuse("has ${entries.size} entries where its descriptor says $count")
    if (entries.any { it >= 1 shl bits }) throw refuse("has an entry that $bits bits cannot hold")
    return Lut(three[1].toInt(), bits, entries)
}
