package org.cxredge.core.film

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.io.File
import java.util.concurrent.TimeUnit

/** Films of forty megapixels are read in a heap that could not hold one of them. */
class LargeFilmsTest {
    @Test
    fun `forty megapixels are read in a heap of 32 MiB`() {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val path = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val child = ProcessBuilder(java, "-Xmx32m", "-cp", path, LargeFilms::class.java.name)
            .redirectErrorStream(true)
            .start()
        val said = child.inputStream.bufferedReader().readText()
        check(child.waitFor(10, TimeUnit.MINUTES))
        assertEquals(0, child.exitValue(), said)
        assertEquals(18, said.lines().count { it.startsWith("read ") }, said)
    }
}
