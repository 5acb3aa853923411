package org.cxredge.core.film

import org.cxredge.core.Refusal

/** What is not read is named only so that the refusal can say what was given. */
private val OTHERS = listOf(
    "GIF8" to "a GIF image",
    "BM" to "a BMP image",
    "II*\u0000" to "a TIFF image",
    "MM\u0000*" to "a TIFF image",
    "%PDF" to "a PDF document",
    "PK\u0003\u0004" to "a ZIP archive",
    "\u001f\u008b" to "a gzip archive",
    "\u00ff\u004f\u00ff\u0051" to "a bare JPEG 2000 stream",
)

/** Reads the headers of a whole file, whose kind its first bytes say. Throws [Refusal] IMG-*. */
internal fun openFilm(data: ByteArray, jpeg: JpegDecoder, spec: InputSpec, colour: Colour): StoredFilm {
    if (data.startsWith(DICOM_PREFIX, at = 128)) return openDicom(data, spec, colour)
    if (data.startsWith(PNG_SIGNATURE)) return openPng(data)
    if (data.startsWith(JPEG_SIGNATURE)) return openJpeg(data, jpeg)
    if (data.isEmpty()) throw Refusal("IMG-TRUNCATED", "the image is empty", "copy the file again")
    val kind = OTHERS.firstOrNull { data.startsWith(it.first) }?.second ?: "no image of a kind that is read"
    throw Refusal(
        "IMG-FORMAT",
        "the image is $kind (a DICOM file must have its 128-byte preamble)",
        "export the film as DICOM, PNG or JPEG",
    )
}
