package org.cxredge.tools

import java.nio.file.Path
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import kotlin.io.path.outputStream
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class ApkChecksTest {
    @TempDir
    lateinit var folder: Path

    private fun apk(vararg contents: Pair<String, ByteArray>): Apk {
        val file: Path = folder.resolve("a.apk")
        AlignedZip(file).use { zip -> contents.forEach { (name, bytes) -> zip.put(name, bytes) } }
        return Apk(file)
    }

    private fun refused(check: () -> Unit): Problem = assertThrows(Problem::class.java) { check() }

    @Test
    fun `a library must be for its folder's processor`() {
        val apk: Apk = apk("lib/x86_64/libfbjni.so" to RealParts.fbjni("arm64-v8a"))
        val problem: Problem = refused { checkLibraries(apk, Pages.SIXTEEN) }
        assertEquals("APK-LIBRARY", problem.code)
        assertTrue("x86_64" in problem.reason)
    }

    @Test
    fun `a library must find what it needs`() {
        val name = "lib/arm64-v8a/libfbjni.so"
        val alone: Problem = refused { checkLibraries(apk(name to RealParts.fbjni()), Pages.SIXTEEN) }
        assertEquals("APK-LIBRARY", alone.code)
        assertTrue("libc++_shared.so" in alone.reason)
        // found beside it; any library of that processor serves as one without needs of its own
        val beside: ByteArray = RealParts.fbjni()
        assertTrue(runCatching { checkLibraries(apk(name to beside, "lib/arm64-v8a/libc++_shared.so" to beside), Pages.SIXTEEN) }.isSuccess)
    }

    @Test
    fun `small pages are refused unless they are asked for`() {
        val apk: Apk = apk("lib/arm64-v8a/libtensorflowlite_jni.so" to RealParts.tflite())
        val problem: Problem = refused { checkLibraries(apk, Pages.SIXTEEN) }
        assertEquals("APK-PAGES", problem.code)
        assertEquals(listOf("RUNTIME=npm", "RUNTIME=executorch-android", "PAGES=4k"), problem.choices)
        checkLibraries(apk, Pages.FOUR)
    }

    @Test
    fun `a model must be stored, and aligned`() {
        val deflated: Path = folder.resolve("deflated.apk")
        ZipOutputStream(deflated.outputStream()).use { zip ->
            zip.putNextEntry(ZipEntry("assets/model/a.pte"))
            zip.write(ByteArray(100))
        }
        assertTrue("deflated" in refused { checkEntries(Apk(deflated)) }.reason)

        val moved: Path = folder.resolve("moved.apk")
        ZipOutputStream(moved.outputStream()).use { zip ->
            zip.putNextEntry(ZipEntry("resources.arsc").apply { method = ZipEntry.STORED; size = 0; crc = 0 })
            zip.putNextEntry(ZipEntry("resources/a.arsc").apply { method = ZipEntry.STORED; size = 0; crc = 0 })
        }
        assertTrue("not at a multiple of 4" in refused { checkEntries(Apk(moved)) }.reason)
    }
}
