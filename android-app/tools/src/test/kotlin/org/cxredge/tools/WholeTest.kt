package org.cxredge.tools

import java.nio.file.Path
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.readText
import kotlin.io.path.writeText
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class WholeTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun `a file is replaced whole, or left`() {
        val goal: Path = folder.resolve("file")
        wholeFile(goal) { it.writeText("one") }
        wholeFile(goal) { it.writeText("two") }
        assertThrows(IllegalStateException::class.java) {
            wholeFile(goal) {
                it.writeText("half")
                error("stop")
            }
        }
        assertEquals("two", goal.readText())
        assertEquals(listOf(goal), folder.listDirectoryEntries())
    }

    @Test
    fun `a folder is replaced whole, or left`() {
        val goal: Path = folder.resolve("folder")
        for (text in listOf("one", "two")) wholeFolder(goal) { it.resolve("file").writeText(text) }
        assertThrows(IllegalStateException::class.java) {
            wholeFolder(goal) {
                it.resolve("file").writeText("half")
                error("stop")
            }
        }
        assertEquals("two", goal.resolve("file").readText())
        assertEquals(listOf(goal), folder.listDirectoryEntries())
    }
}
