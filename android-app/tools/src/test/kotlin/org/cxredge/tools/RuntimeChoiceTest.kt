package org.cxredge.tools

import java.nio.file.Path
import kotlin.io.path.copyTo
import kotlin.io.path.createDirectories
import kotlin.io.path.exists
import kotlin.io.path.readBytes
import kotlin.io.path.writeBytes
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class RuntimeChoiceTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun `there is no runtime but the named ones`() {
        for (choice in RuntimeChoice.entries) assertEquals(choice, RuntimeChoice.parse(choice.option))
        val problem: Problem = assertThrows(Problem::class.java) { RuntimeChoice.parse("best") }
        assertEquals("RUNTIME-CHOICE", problem.code)
        assertEquals(listOf("RUNTIME=npm", "RUNTIME=executorch-android", "RUNTIME=tflite"), problem.choices)
    }

    @Test
    fun `the app is told what it carries`() {
        assertEquals(
            """{"target": "tflite", "name": "tensorflow-lite", "version": "2.16.1", """ +
                """"source": "Maven Central, org.tensorflow:tensorflow-lite"}""" + "\n",
            RuntimeChoice.TFLITE.json(),
        )
        // no quote or backslash would be escaped
        for (choice in RuntimeChoice.entries) assertEquals(16, choice.json().count { it == '"' })
    }

    @Test
    fun `a changed part is refused, and nothing is laid`() {
        val parts: Path = folder.resolve("parts").createDirectories()
        for (name in listOf("tensorflow-lite.aar", "tensorflow-lite-api.aar")) {
            RealParts.folder.resolve(name).copyTo(parts.resolve(name))
        }
        val changed: ByteArray = parts.resolve("tensorflow-lite-api.aar").readBytes().also { it[1000] = (it[1000] + 1).toByte() }
        parts.resolve("tensorflow-lite-api.aar").writeBytes(changed)
        val maker = RuntimeMaker(parts, folder.resolve("downloads"), Path.of("pom.xml"))
        val problem: Problem = assertThrows(Problem::class.java) { maker.lay(RuntimeChoice.TFLITE, folder.resolve("runtime")) }
        assertEquals("RUNTIME-HASH", problem.code)
        assertEquals(Problem.ENVIRONMENT, problem.status)
        assertFalse(folder.resolve("runtime").exists())
    }

    @Test
    fun `a changed download is refused and removed`() {
        val download: Path = folder.resolve("downloads").createDirectories().resolve("react-native-executorch-0.9.3.tgz")
        download.writeBytes(ByteArray(10))
        val maker = RuntimeMaker(RealParts.folder, folder.resolve("downloads"), Path.of("pom.xml"))
        val problem: Problem = assertThrows(Problem::class.java) { maker.lay(RuntimeChoice.NPM, folder.resolve("runtime")) }
        assertEquals("RUNTIME-HASH", problem.code)
        assertFalse(download.exists())
    }

    @Test
    fun `a folder that another version laid is no runtime`() {
        val problem: Problem = assertThrows(Problem::class.java) { RuntimeLayout(folder).choice() }
        assertEquals("RUNTIME-MISSING", problem.code)
    }

    @Test
    fun `versions come from the pom`() {
        assertTrue("\${" !in Parts.text)
        assertTrue(Parts.text.lines().any { it == "fbjni.version=${Parts.version("fbjni")}" })
    }
}
