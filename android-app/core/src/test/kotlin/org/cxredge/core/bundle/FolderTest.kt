package org.cxredge.core.bundle

import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.FileNotFoundException
import java.nio.file.Files

class FolderTest {
    @TempDir
    lateinit var temp: File

    private fun tree(): Folder {
        temp.resolve("in/a/b").mkdirs()
        temp.resolve("in/a/b/c.txt").writeText("c")
        temp.resolve("in/.hidden").writeText("h")
        temp.resolve("out.txt").writeText("secret")
        return Folder(temp.resolve("in"))
    }

    @Test
    fun listsEveryFileAlsoHiddenOnes() {
        assertEquals(setOf("a/b/c.txt", ".hidden"), tree().list().toSet())
        assertEquals(emptyList<String>(), Folder(temp.resolve("absent")).list())
    }

    @Test
    fun refusesLinksAndSpecialFiles() {
        val folder = tree()
        val link = temp.resolve("in/a/link").toPath()
        for (goal in listOf("out.txt", "in/a/b", "absent")) {
            Files.createSymbolicLink(link, temp.resolve(goal).toPath())
            refused("SIGNATURE-FILES") { folder.list() }
            Files.delete(link)
        }
        assertEquals(0, ProcessBuilder("mkfifo", link.toString()).start().waitFor())
        refused("SIGNATURE-FILES") { folder.list() }
        assertThrows<FileNotFoundException> { folder.open("a/link") }
    }

    @Test
    fun refusesFoldersWithoutEnd() {
        val folder = tree()
        temp.resolve("in/" + "d/".repeat(20)).mkdirs()
        refused("SIGNATURE-FILES") { folder.list() }
    }

    @Test
    fun opensFilesInsideOnly() {
        val folder = tree()
        assertArrayEquals("c".toByteArray(), folder.open("a/b/c.txt").use { it.readBytes() })
        Files.createSymbolicLink(temp.resolve("in/link").toPath(), temp.resolve("out.txt").toPath())
        Files.createSymbolicLink(temp.resolve("in/up").toPath(), temp.toPath())
        val bad = listOf(
            "../out.txt", "a/../../out.txt", temp.resolve("out.txt").path, "link", "up/out.txt", "a", "absent", "",
            ".hidden",
            "a//b/c.txt", "a/b/c.txt/", "a/b/c.txt/d", "a\u0000b",
        )
        for (path in bad) assertThrows<FileNotFoundException>(path) { folder.open(path) }
    }
}
