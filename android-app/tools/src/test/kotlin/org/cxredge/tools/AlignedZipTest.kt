package org.cxredge.tools

import java.nio.file.Path
import java.util.zip.ZipException
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import kotlin.io.path.readBytes

class AlignedZipTest {
    @TempDir
    lateinit var folder: Path

    private val contents: Map<String, ByteArray> = listOf(
        "AndroidManifest.xml", "assets/model/a.pte", "assets/model/b.tflite", "assets/model/é.json", "classes.dex",
        "lib/arm64-v8a/a.so", "lib/arm64-v8a/b.so", "resources.arsc",
    ).associateWith { name -> ByteArray(5000 + name.length) { (it % 7).toByte() } }

    private fun write(name: String): Apk {
        val file: Path = folder.resolve(name)
        AlignedZip(file).use { zip -> contents.forEach(zip::put) }
        return Apk(file)
    }

    @Test
    fun `keeps every entry, in order, as its name asks for`() {
        val apk: Apk = write("a.apk")
        assertEquals(contents.keys.toList(), apk.entries.map { it.name })
        for (entry in apk.entries) {
            assertArrayEquals(contents[entry.name], apk.bytes(entry.name))
            assertEquals(contents.getValue(entry.name).size.toLong(), entry.size)
            val alignment: Int? = Keeping.of(entry.name).alignment
            assertEquals(alignment != null, entry.stored, entry.name)
            if (alignment != null) assertEquals(0, entry.offset % alignment, entry.name)
        }
        assertEquals(setOf(16384), apk.entries.filter { it.name.endsWith(".so") }.map { Keeping.of(it.name).alignment }.toSet())
        checkEntries(apk)
    }

    @Test
    fun `repeats byte for byte`() {
        assertArrayEquals(write("a.apk").file.readBytes(), write("b.apk").file.readBytes())
    }

    @Test
    fun `takes a name once`() {
        AlignedZip(folder.resolve("a.apk")).use { zip ->
            zip.put("a", ByteArray(1))
            assertThrows(ZipException::class.java) { zip.put("a", ByteArray(1)) }
        }
    }
}
