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
    val photometric = header.text(DicomTag.PHOTOMETRIC)
    val signs = if (photometric == "RGB") 0..0 else 0..1
    if (stored !in 1..allocated || header.whole(DicomTag.HIGH_BIT, stored - 1) != stored - 1 || signed !in signs) {
        throw damaged("its bits allocated, bits stored, high bit and representation do not fit together")
    }
    if (photometric == "RGB") return Meaning(stored.toInt())
    val plain = Meaning(stored.toInt(), signed == 1L, inverted = photometric == "MONOCHROME1")
    // which of them would count is nowhere said; of windows the first does (PS3.3 C.11.2.1.2)
    val several = listOf(DicomTag.SLOPE, DicomTag.INTERCEPT, DicomTag.MODALITY_LUT).firstOrNull(header::several)
    if (several != null) {
        throw Refusal(
            "IMG-RESCALE",
            "the image: its element ${tagName(several)} gives several modality transforms",
            "correct the header: one slope and one intercept, or one modality LUT",
        )
    }
    val modality = lut(header, DicomTag.MODALITY_LUT, "IMG-RESCALE", plain.modalityValues())
    val slope = header.number(DicomTag.SLOPE)
    val intercept = header.number(DicomTag.INTERCEPT)
    if ((slope == null) != (intercept == null) || modality != null && slope != null || slope == 0.0) {
        throw Refusal(
            "IMG-RESCALE",
            "the image: rescale slope $slope, intercept $intercept and modality LUT do not give one modality transform",
            "correct the header: slope (not 0) and intercept together, or a modality LUT, or neither",
        )
    }
    val meaning = plain.copy(slope = slope ?: 1.0, intercept = intercept ?: 0.0, modality = modality)
    val curve = lut(header, DicomTag.VOI_LUT, "IMG-WINDOW", meaning.modalityValues())
    curve?.checkFilled("IMG-WINDOW")
    return meaning.copy(voi = curve ?: window(header))
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

/**
 * The first item of a LUT sequence (PS3.3 C.11.1.1.1): a descriptor (entries, first input, bits) and the data.
 *
 * [inputs]: every value that the table can be asked for.
 */
private fun lut(header: DicomHeader, tag: Int, code: String, inputs: DoubleArray): Lut? {
    val item = header.items(tag).firstOrNull() ?: return null
    val descriptor = item[DicomTag.LUT_DESCRIPTOR]
    val data = item[DicomTag.LUT_DATA]

    fun refuse(cause: String): Refusal =
        Refusal(code, "the image: its look-up table $cause", "export the film again, or with a window instead")

    val three = descriptor?.let { item.numbers(it, 2) }
    if (three?.size != 3 || data == null) throw refuse("has no descriptor of three numbers, or no data")
    // a count of 0 means 65536
    val count = three[0].toInt().let { if (it == 0) 1 shl 16 else it }
    val bits = three[2].toInt()
    if (bits !in 8..16) throw refuse("has $bits bits an entry, not 8 to 16")
    // 8-bit entries may be packed, two in a word
    val words = data.vr == "US" || data.vr == "SS"
    val packed = !words && bits == 8 && data.value.size == count + count % 2
    val all = item.numbers(data, if (packed) 1 else 2)
    // the words of an OW element are turned round in big-endian files (PS3.5 6.2), and with them the entries' pairs
    val turned = if (packed && header.bigEndian && data.vr == "OW") 1 else 0
    val entries = IntArray(if (words) all.size else minOf(count, all.size)) { all[it xor turned].toInt() }
    if (entries.size != count) throw refuse("has ${entries.size} entries where its descriptor says $count")
    if (entries.any { it >= 1 shl bits }) throw refuse("has an entry that $bits bits cannot hold")
    return Lut(firstInput(three[1].toInt(), count, inputs.min(), inputs.max()), bits, entries)
}

/**
 * The input that a table's first entry maps. [stated]: the descriptor's 16 bits, 0..65535.
 *
 * Two's complement where inputs can be negative, else unsigned (PS3.3 C.11.1.1.1, C.11.2.1.1). The value representation
 * is no witness: implicit files have none, and converters write what the pixels' sign suggests. A reading under which
 * no input would meet the table cannot be what its writer meant, so the other one is taken where that one meets it.
 */
private fun firstInput(stated: Int, count: Int, least: Double, greatest: Double): Int {
    val signed = stated.toShort().toInt()
    val readings = if (least < 0) listOf(signed, stated) else listOf(stated, signed)
    return readings.firstOrNull { it <= greatest && it + count - 1 >= least } ?: readings.first()
}
