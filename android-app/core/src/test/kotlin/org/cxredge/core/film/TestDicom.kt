package org.cxredge.core.film

import java.io.ByteArrayOutputStream
import java.util.zip.Deflater
import java.util.zip.DeflaterOutputStream

/** Writes DICOM files element by element, right or wrong. */
internal class TestDicom(private val encoding: Encoding = Encoding.EXPLICIT) {
    enum class Encoding(val uid: String, val bigEndian: Boolean = false) {
        IMPLICIT("1.2.840.10008.1.2"),
        EXPLICIT("1.2.840.10008.1.2.1"),
        DEFLATED("1.2.840.10008.1.2.1.99"),
        BIG_ENDIAN("1.2.840.10008.1.2.2", bigEndian = true),
    }

    private val body = ByteArrayOutputStream()

    fun element(tag: Int, vr: String, value: ByteArray): TestDicom = apply {
        val even = if (value.size % 2 == 0) value else value + 0
        number(tag ushr 16, 2)
        number(tag, 2)
        if (encoding != Encoding.IMPLICIT) {
            body.write(vr.toByteArray())
            if (vr in DicomTag.LONG) body.write(byteArrayOf(0, 0)) else return short(even)
        }
        number(even.size, 4)
        body.write(even)
    }

    private fun short(value: ByteArray): TestDicom = apply {
        number(value.size, 2)
        body.write(value)
    }

    fun text(tag: Int, vr: String, value: String): TestDicom = element(tag, vr, value.toByteArray())

    fun words(tag: Int, vr: String, vararg values: Int): TestDicom =
        element(tag, vr, ByteArray(2 * values.size) { octet(values[it / 2], it % 2, 2) })

    /** A sequence, each of whose items has what a call writes. */
    fun sequence(tag: Int, vararg items: TestDicom.() -> Unit): TestDicom {
        val inside = TestDicom(encoding)
        for (item in items) {
            val elements = TestDicom(encoding).apply(item).body.toByteArray()
            inside.number(0xFFFE, 2)
            inside.number(0xE000, 2)
            inside.number(elements.size, 4)
            inside.body.write(elements)
        }
        return element(tag, "SQ", inside.body.toByteArray())
    }

    fun raw(bytes: ByteArray): TestDicom = apply { body.write(bytes) }

    /** What a grey film's header must have. */
    fun grey(rows: Int, columns: Int, stored: Int = 12, signed: Int = 0, allocated: Int = 16): TestDicom = apply {
        words(DicomTag.SAMPLES, "US", 1)
        text(DicomTag.PHOTOMETRIC, "CS", "MONOCHROME2")
        sizes(rows, columns, stored, signed, allocated)
    }

    fun rgb(rows: Int, columns: Int, signed: Int = 0, planar: Int = 0): TestDicom = apply {
        words(DicomTag.SAMPLES, "US", 3)
        text(DicomTag.PHOTOMETRIC, "CS", "RGB")
        words(DicomTag.PLANAR, "US", planar)
        sizes(rows, columns, 8, signed, 8)
    }

    private fun sizes(rows: Int, columns: Int, stored: Int, signed: Int, allocated: Int) {
        words(DicomTag.ROWS, "US", rows)
        words(DicomTag.COLUMNS, "US", columns)
        words(DicomTag.BITS_ALLOCATED, "US", allocated)
        words(DicomTag.BITS_STORED, "US", stored)
        words(DicomTag.HIGH_BIT, "US", stored - 1)
        words(DicomTag.REPRESENTATION, "US", signed)
    }

    fun lut(sequence: Int, vr: String, first: Int, bits: Int, entries: IntArray): TestDicom = sequence(sequence, {
        words(DicomTag.LUT_DESCRIPTOR, vr, entries.size, first, bits)
        words(DicomTag.LUT_DATA, "OW", *entries)
    })

    fun rescale(slope: String, intercept: String): TestDicom =
        text(DicomTag.INTERCEPT, "DS", intercept).text(DicomTag.SLOPE, "DS", slope)

    fun pixels(vararg words: Int): ByteArray = words(DicomTag.PIXELS, "OW", *words).end()

    fun pixels(vr: String, bytes: ByteArray): ByteArray = element(DicomTag.PIXELS, vr, bytes).end()

    /** The whole file. */
    fun end(): ByteArray {
        val uid = encoding.uid.let { if (it.length % 2 == 0) it else "$it\u0000" }.toByteArray()
        val meta = byteArrayOf(2, 0, 0x10, 0) + "UI".toByteArray() + byteArrayOf(uid.size.toByte(), 0) + uid
        return ByteArray(128) + DICOM_PREFIX.toByteArray() + meta + deflated(body.toByteArray())
    }

    private fun deflated(bytes: ByteArray): ByteArray {
        if (encoding != Encoding.DEFLATED) return bytes
        val out = ByteArrayOutputStream()
        DeflaterOutputStream(out, Deflater(6, true)).use { it.write(bytes) }
        return out.toByteArray()
    }

    private fun number(value: Int, bytes: Int) {
        for (i in 0 until bytes) body.write(octet(value, i, bytes).toInt())
    }

    /** Byte [at] of a number of [bytes] bytes, in this encoding's order. */
    private fun octet(value: Int, at: Int, bytes: Int): Byte =
        (value shr 8 * (if (encoding.bigEndian) bytes - 1 - at else at)).toByte()
}
