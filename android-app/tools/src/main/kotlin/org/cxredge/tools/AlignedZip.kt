package org.cxredge.tools

import java.io.BufferedOutputStream
import java.io.Closeable
import java.io.FilterOutputStream
import java.io.OutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Path
import java.util.zip.CRC32
import java.util.zip.Deflater
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import kotlin.io.path.outputStream

/** How an APK's entry is kept: deflated, or as it is at an offset that is a multiple of [alignment]. */
enum class Keeping(val alignment: Int?) {
    DEFLATED(null),

    /** Read at once by Android. */
    STORED(4),

    /** Mapped into memory by a runtime that opens the file inside the APK. */
    MODEL(4096),

    /** Mapped by the dynamic linker, on phones with pages of 16 KiB too. */
    LIBRARY(16384),
    ;

    companion object {
        fun of(name: String): Keeping = when (name.substringAfterLast('.')) {
            "so" -> LIBRARY
            "pte", "tflite" -> MODEL
            // Android reads the table where it lies (required from API level 30); PNG is deflated already
            "arsc", "png" -> STORED
            else -> DEFLATED
        }
    }
}

/** A ZIP archive whose stored entries are aligned, with one fixed time: the same entries give the same bytes. */
class AlignedZip(file: Path) : Closeable {
    private val counter = Counter(BufferedOutputStream(file.outputStream(), 1 shl 20))
    private val zip = ZipOutputStream(counter).apply { setLevel(Deflater.BEST_COMPRESSION) }

    /** Adds one entry, kept as its name asks for ([Keeping.of]). Throws java.util.zip.ZipException for a name twice. */
    fun put(name: String, bytes: ByteArray) {
        val entry = ZipEntry(name).apply { timeLocal = FIXED_TIME }
        Keeping.of(name).alignment?.let { alignment ->
            entry.method = ZipEntry.STORED
            entry.size = bytes.size.toLong()
            entry.crc = CRC32().apply { update(bytes) }.value
            entry.extra = padding(counter.count + LOCAL_HEADER + name.toByteArray().size, alignment)
        }
        zip.putNextEntry(entry)
        zip.write(bytes)
        zip.closeEntry()
    }

    override fun close(): Unit = zip.close()

    /** Android's alignment field (id 0xd935): the alignment, then as many zeros as bring the data to it. */
    private fun padding(start: Long, alignment: Int): ByteArray {
        val zeros: Int = Math.floorMod(-(start + FIELD), alignment.toLong()).toInt()
        return ByteBuffer.allocate(FIELD + zeros).order(ByteOrder.LITTLE_ENDIAN)
            .putShort(0xd935.toShort()).putShort((2 + zeros).toShort()).putShort(alignment.toShort()).array()
    }

    private class Counter(out: OutputStream) : FilterOutputStream(out) {
        var count: Long = 0

        override fun write(byte: Int) {
            out.write(byte)
            count++
        }

        override fun write(bytes: ByteArray, offset: Int, length: Int) {
            out.write(bytes, offset, length)
            count += length
        }
    }

    private companion object {
        /** Bytes of a local file header before the name (APPNOTE.TXT 4.3.7). */
        const val LOCAL_HEADER: Int = 30

        /** Bytes of the alignment field before its zeros. */
        const val FIELD: Int = 6
    }
}
