package org.cxredge.tools

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ElfTest {
    @Test
    fun `reads processor, page size and needs`() {
        val elf: Elf = Elf.parse("libfbjni.so", RealParts.fbjni())
        assertEquals(Elf.MACHINES["arm64-v8a"], elf.machine)
        assertEquals(16384, elf.pageSize)
        assertEquals(
            listOf("libandroid.so", "liblog.so", "libm.so", "libc++_shared.so", "libdl.so", "libc.so"), elf.needed,
        )
        assertEquals(Elf.MACHINES["x86_64"], Elf.parse("libfbjni.so", RealParts.fbjni("x86_64")).machine)
    }

    @Test
    fun `sees libraries for small pages`() {
        assertEquals(4096, Elf.parse("libtensorflowlite_jni.so", RealParts.tflite()).pageSize)
    }

    @Test
    fun `refuses what is no library, or only a part of one`() {
        val whole: ByteArray = RealParts.fbjni()
        val broken: List<ByteArray> = listOf(ByteArray(0), ByteArray(4096), "text".toByteArray()) +
            (0 until 600).map { whole.copyOf(it) } + whole.copyOf().also { it[4] = 1 }
        for (bytes in broken) {
            val problem: Problem = assertThrows(Problem::class.java) { Elf.parse("lib.so", bytes) }
            assertEquals("APK-LIBRARY", problem.code)
        }
    }

    @Test
    fun `answers or refuses whatever the headers say`() {
        val whole: ByteArray = RealParts.fbjni()
        var refused = 0
        for (at in 0 until 1024) {
            val changed: ByteArray = whole.copyOf().also { it[at] = (it[at].toInt() xor 0xff).toByte() }
            try {
                Elf.parse("lib.so", changed)
            } catch (problem: Problem) {
                assertEquals("APK-LIBRARY", problem.code)
                refused++
            }
        }
        assertTrue(refused > 0)
    }
}
