package org.cxredge.core.bundle

import org.cxredge.core.Fixtures
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.security.KeyPairGenerator
import java.util.Base64

class PinnedKeyTest {
    private val pem = SmallBundle.SIGNER.pem

    @Test
    fun fingerprintIsTheSignaturesHint() {
        val hint = Regex("\"hint\": ?\"([0-9a-f]{64})\"").find(Fixtures.bundle.resolve("model.sig").readText())
        assertEquals(hint?.groupValues?.get(1), Fixtures.key.fingerprint)
        assertTrue(Fixtures.key.development)
    }

    @Test
    fun fingerprintIsOfTheKeyAndNotOfTheFilesForm() {
        val key = PinnedKey.parse("a", pem)
        assertEquals(Sha256.of(pem.toByteArray()), key.fingerprint)
        assertFalse(key.development)
        val body = pem.lines().filter { "-----" !in it }.joinToString("")
        val (begin, end) = pem.lines().filter { "-----" in it }
        val forms = listOf(
            "a comment\n\n$pem", pem.replace("\n", "\r\n"), "$begin\n$body\n$end",
            "$begin\n${body.chunked(20).joinToString("\n")}\n$end\n\n",
        )
        for (form in forms) assertEquals(key.fingerprint, PinnedKey.parse("b", form).fingerprint)
    }

    @Test
    fun aDevelopmentKeySaysSoBeforeItBegins() {
        assertTrue(PinnedKey.parse("a", "some words\n  cxredge development key \r\n$pem").development)
        assertFalse(PinnedKey.parse("a", "no cxredge development key\n$pem").development)
    }

    @Test
    fun refusesWhatIsNoSuchKey() {
        val der = Base64.getDecoder().decode(pem.lines().filter { "-----" !in it }.joinToString(""))
        val moved = der.clone().also { it[90] = (it[90].toInt() xor 1).toByte() }
        val rsa = KeyPairGenerator.getInstance("RSA").apply { initialize(2048) }.generateKeyPair().public.encoded
        val bad = listOf(
            "", "nothing", pem + pem, pem.replace("BEGIN", "END"), pem + "more", pem.replace("PUBLIC", "PRIVATE"),
            pem.replaceFirst("M", "!"), wrap(der.copyOf(90)), wrap(der + 0), wrap(moved), wrap(rsa),
            wrap(ByteArray(91)), wrap(der.copyOf(27) + ByteArray(64) { -1 }), Signer("secp384r1").pem,
            pem.replace(Regex("=+\n"), "\n"),
        )
        for (text in bad) refused("KEY-SYNTAX") { PinnedKey.parse("bad", text) }
    }

    private fun wrap(der: ByteArray): String =
        "-----BEGIN PUBLIC KEY-----\n${Base64.getEncoder().encodeToString(der)}\n-----END PUBLIC KEY-----\n"
}
