package org.cxredge.core.film

import org.cxredge.core.Refusal
import java.io.InputStream

internal const val DICOM_PREFIX = "DICM"

/** Segmentation and Label Map Segmentation Storage (PS3.4 B.5). */
private val SEGMENTATIONS = setOf("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")

/**
 * Reads the header of a DICOM file with its preamble, of uncompressed pixels, grey or 8-bit RGB; images/dicom.py is
 * the reference. Not applied, by choice: pixel padding, overlays, shutters, pixel spacing and patient orientation.
 * Throws [Refusal] IMG-*.
 */
internal fun openDicom(data: ByteArray, spec: InputSpec, colour: Colour): StoredFilm {
    val file = DicomFile(data)
    val header = readHeader(file)
    val pixels = header.pixels ?: throw withoutPixels(header, data)
    val samples = checkHeader(header, spec, colour)
    return DicomFilm(file, header, pixels, samples)
}

private fun withoutPixels(header: DicomHeader, data: ByteArray): Refusal {
    if (header.floatPixels) {
        return Refusal(
            "IMG-DEPTH",
            "the image has floating-point pixels, which have no stored range",
            "export the film as integers",
        )
    }
    // the element of a file that ends in it was not read, so the tag's own bytes tell the two cases apart
    val cut = data.indices.any {
        data.startsWith("\u00e0\u007f\u0010\u0000", it) || data.startsWith("\u007f\u00e0\u0000\u0010", it)
    }
    if (cut) return truncated()
    return Refusal(
        "IMG-NO-PIXELS",
        "the image has no pixel data",
        "choose the image itself, not a plan, report or presentation state; copy it again if it was cut short",
    )
}

/** Refuses what is not one film of the spec's kind; returns samples per pixel, 1 or 3. */
private fun checkHeader(header: DicomHeader, spec: InputSpec, colour: Colour): Int {
    checkSize(header.whole(DicomTag.ROWS), header.whole(DicomTag.COLUMNS))
    checkSingle(header)
    checkAcquisition(header, spec)
    val samples = header.whole(DicomTag.SAMPLES, 1)
    val photometric = header.text(DicomTag.PHOTOMETRIC)
    if (samples != 1L || photometric !in setOf("MONOCHROME1", "MONOCHROME2")) {
        return checkColour(header, spec, colour, samples, photometric)
    }
    if (spec.channels == 3) {
        throw Refusal("IMG-GREY", "the image is grey, and this model takes colour", "choose a colour image")
    }
    val allocated = header.whole(DicomTag.BITS_ALLOCATED)
    if (allocated != 8L && allocated != 16L) {
        throw Refusal("IMG-DEPTH", "the image allocates $allocated bits a pixel", "export it with 8 or 16")
    }
    val shape = header.text(DicomTag.PRESENTATION_SHAPE)
    if (shape !in setOf("", if (photometric == "MONOCHROME1") "INVERSE" else "IDENTITY")) {
        throw Refusal(
            "IMG-PHOTOMETRIC",
            "the image is $photometric with presentation LUT shape $shape: whether its least value is black is unknown",
            "correct one of the two tags",
        )
    }
    if (header.items(DicomTag.PRESENTATION_LUT).isNotEmpty()) {
        throw Refusal(
            "IMG-PHOTOMETRIC",
            "the image has a presentation LUT, which is not read",
            "export it without",
        )
    }
    return 1
}

/** Refuses several frames, and objects of one frame whose meaning stands in functional groups. */
private fun checkSingle(header: DicomHeader) {
    val frames = header.whole(DicomTag.FRAMES, 1)
    if (frames != 1L) throw multiFrame("a multi-frame object ($frames frames)")
    val groups = DicomTag.SHARED_GROUPS in header || DicomTag.FRAME_GROUPS in header
    if (groups || header.text(DicomTag.SOP_CLASS) in SEGMENTATIONS) {
        throw multiFrame("an enhanced or segmentation object (functional groups), not a single film")
    }
}

/** Colour with equal channels is grey, which only the pixels tell. */
private fun checkColour(
    header: DicomHeader,
    spec: InputSpec,
    colour: Colour,
    samples: Long,
    photometric: String,
): Int {
    val unread = photometric == "PALETTE COLOR" || photometric.startsWith("YBR_")
    if (unread && spec.channels == 1 && colour == Colour.REFUSE) throw coloured("is $photometric")
    if (photometric != "RGB" || samples != 3L) {
        throw Refusal(
            "IMG-PHOTOMETRIC",
            "the image: photometric interpretation $photometric with $samples samples a pixel is not read",
            "export the film as MONOCHROME1, MONOCHROME2 or RGB",
        )
    }
    if (header.whole(DicomTag.BITS_ALLOCATED) != 8L || header.whole(DicomTag.BITS_STORED) != 8L) {
        throw Refusal("IMG-DEPTH", "the image is RGB with other than 8 bits a sample", "export it with 8 bits")
    }
    return 3
}

private class DicomFilm(
    private val file: DicomFile,
    header: DicomHeader,
    private val pixels: DicomPixels,
    override val channels: Int,
) : StoredFilm {
    override val width: Int = header.whole(DicomTag.COLUMNS).toInt()
    override val height: Int = header.whole(DicomTag.ROWS).toInt()
    override val orientation = 1
    override val meaning: Meaning = meaningOf(header)
    private val bytes = (header.whole(DicomTag.BITS_ALLOCATED) / 8).toInt()
    private val bigEndian = header.bigEndian
    private val planes: Int = if (channels == 3) planes(header) else 1

    init {
        val expected = width.toLong() * height * channels * bytes
        if (pixels.size < expected) throw truncated()
        // the byte that makes an odd length even may be any
        checkPadding(expected + expected % 2)
    }

    /** Zeros behind the pixels are padding; anything else there may be pixels that the header does not know of. */
    private fun checkPadding(from: Long) {
        val chunk = ByteArray(1 shl 16)
        var left = pixels.size - from
        if (left <= 0) return
        file.open(pixels.at + from).use { stream ->
            while (left > 0) {
                val got = stream.read(chunk, 0, minOf(left, chunk.size.toLong()).toInt())
                if (got < 0) throw truncated()
                if ((0 until got).any { chunk[it].toInt() != 0 }) {
                    throw damaged("it has ${pixels.size} bytes of pixels where its header says $from or fewer")
                }
                left -= got
            }
        }
    }

    override fun open(): StoredRows {
        val layout = DicomLayout(width, channels / planes, planes, bytes, bigEndian, meaning)
        val plane = width.toLong() * height * bytes
        return DicomRows(List(planes) { openPixels(it * plane) }, layout)
    }

    /** The pixels' bytes from [from] on, in the order of the samples. */
    private fun openPixels(from: Long): InputStream {
        // the words of an OW element are turned round in big-endian files (PS3.5 6.2), and with them pairs of samples
        if (bytes != 1 || !bigEndian || pixels.vr != "OW") return file.open(pixels.at + from)
        val pairs = SwappedPairs(file.open(pixels.at + from - from % 2))
        if (from % 2 == 1L) pairs.read()
        return pairs
    }

    /** Planar configuration (PS3.3 C.7.6.3.1.3): 0 interleaves the channels, 1 stores one plane each. */
    private fun planes(header: DicomHeader): Int =
        when (val planar = header.whole(DicomTag.PLANAR)) {
            0L -> 1
            1L -> 3
            else -> throw damaged("its planar configuration is $planar")
        }
}
