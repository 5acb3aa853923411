package org.cxredge.tools

import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.PosixFilePermissions
import kotlin.io.path.readBytes
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class SigningKeyTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun `a development key is made once, for its owner alone, and says what it is`() {
        val file: Path = folder.resolve("keys/android-development.p12")
        val first: SigningKey = SigningKey.development(file)
        val bytes: ByteArray = file.readBytes()
        assertEquals(first.certificate, SigningKey.development(file).certificate)
        assertArrayEquals(bytes, file.readBytes())
        assertEquals("RSA", first.key.algorithm)
        assertTrue("development key" in first.certificate.subjectX500Principal.name)
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
    }

    @Test
    fun `a release key needs its password`() {
        val problem: Problem = assertThrows(Problem::class.java) { SigningKey.release(folder.resolve("release.p12")) }
        assertEquals("APK-KEYSTORE", problem.code)
        assertTrue("ANDROID_KEYSTORE_PASSWORD" in problem.reason)
    }
}
