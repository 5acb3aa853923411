package org.cxredge.tools

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Path
import java.util.zip.ZipFile
import kotlin.io.path.readBytes

/** One entry of a finished APK. [offset]: of its data in the file; [packed]: the bytes that it takes there. */
class ApkEntry(val name: String, val stored: Boolean, val offset: Int, val packed: Long, val size: Long)

/** A finished APK, read back from its file: nothing here comes from what the packager meant to write. */
class Apk(val file: Path) {
    private val raw: ByteBuffer = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)

    /** In the order of the central directory (APPNOTE.TXT 4.3.12); packages have neither comment nor ZIP64. */
    val entries: List<ApkEntry> = buildList {
        val end: Int = raw.limit() - END_RECORD
        check(raw.getInt(end) == 0x06054b50) { "$file does not end as an APK does" }
        var at: Int = raw.getInt(end + 16)
        repeat(unsigned(end + 10)) {
            check(raw.getInt(at) == 0x02014b50) { "$file has a broken directory" }
            val name = ByteArray(unsigned(at + 28)).also { raw.get(at + DIRECTORY_ENTRY, it) }
            val local: Int = raw.getInt(at + 42)
            val data: Int = local + LOCAL_HEADER + unsigned(local + 26) + unsigned(local + 28)
            val sizes: List<Long> = listOf(20, 24).map { raw.getInt(at + it).toLong() }
            add(ApkEntry(name.decodeToString(), unsigned(at + 10) == 0, data, sizes[0], sizes[1]))
            at += DIRECTORY_ENTRY + name.size + unsigned(at + 30) + unsigned(at + 32)
        }
    }

    /** Bytes of the whole file. */
    val size: Long = raw.limit().toLong()

    /** An entry's bytes, inflated. */
    fun bytes(name: String): ByteArray = ZipFile(file.toFile()).use { zip ->
        zip.getInputStream(zip.getEntry(name)).use { it.readAllBytes() }
    }

    private fun unsigned(at: Int): Int = raw.getShort(at).toInt() and 0xffff

    private companion object {
        const val END_RECORD = 22
        const val DIRECTORY_ENTRY = 46
        const val LOCAL_HEADER = 30
    }
}
