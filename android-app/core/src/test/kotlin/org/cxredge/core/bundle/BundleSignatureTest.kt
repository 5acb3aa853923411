package org.cxredge.core.bundle

import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.math.BigInteger
import java.util.Base64

class BundleSignatureTest {
    private val signer = SmallBundle.SIGNER
    private val keys = listOf(Signer().pinned, signer.pinned)
    private val payload = "{}".toByteArray()

    private fun check(text: String) = BundleSignature.check(text.toByteArray(), keys)

    private fun sealed(wrap: (MutableMap<String, Any?>) -> Unit = {}): String =
        signer.seal(payload, wrap).decodeToString()

    private fun envelope(key: String, value: Any?): String =
        sealed { it["dsseEnvelope"] = (it["dsseEnvelope"] as Map<*, *>) + (key to value) }

    private fun signature(text: String): ByteArray =
        Base64.getDecoder().decode(checkNotNull(Regex("\"sig\":\"([^\"]*)\"").find(text)).groupValues[1])

    private fun withSignature(der: ByteArray): String =
        envelope("signatures", listOf(mapOf("sig" to Base64.getEncoder().encodeToString(der), "keyid" to "")))

    @Test
    fun givesThePayloadAndTheKey() {
        val signed = check(sealed())
        assertArrayEquals(payload, signed.payload)
        assertTrue(signed.by === keys[1])
    }

    @Test
    fun refusesKeysThatAreNotPinned() {
        val other = Signer()
        refused("SIGNATURE-KEY") { BundleSignature.check(other.seal(payload), keys) }
        refused("SIGNATURE-KEY") { BundleSignature.check(signer.seal(payload), emptyList()) }
        // says that it is of a pinned key
        val lie = other.seal(payload).decodeToString().replace(other.pinned.fingerprint, signer.pinned.fingerprint)
        refused("SIGNATURE-WRONG") { check(lie) }
    }

    @Test
    fun refusesAnotherPayload() {
        refused("SIGNATURE-WRONG") { check(envelope("payload", "eyB9")) } // { }
        refused("SIGNATURE-WRONG") { check(envelope("payload", "")) }
    }

    @Test
    fun allowsOneSpellingOnly() {
        val text = sealed()
        val bad = listOf(
            "", "{}", "[]", "null", text.dropLast(3), "$text{}", "\uFEFF$text",
            "$text ", "$text\n", " $text", "$text\u0000", text.replaceFirst(",", ", "), text.replaceFirst(":", ": "),
            text.replace("}]", "}\t]"), text.replace("}]", "}\r\n]"),
            text.replace("v0.3", "v0.2"), text.replace("v0.3+json", "v0\\u002e3+json"),
            text.replace("keyid\":\"", "keyid\":\"a"),
            text.replace("in-toto+json", "in-toto+jso"), text.replace("mediaType", "mediatype"),
            text.replaceFirst("{", "{\"more\":1,"), text.replaceFirst("{", "{\"mediaType\":\"x\","),
            text.replace("\"tlogEntries\":[]", "\"tlogEntries\":[{}]"),
            text.replace("\"tlogEntries\":[]", "\"tlogEntries\":null"),
            text.replace(signer.pinned.fingerprint, signer.pinned.fingerprint.uppercase()),
            text.replace(signer.pinned.fingerprint, ""), text.replace("e30=", "e30"), text.replace("e30=", "e31="),
            text.replace("e30=", "e3 0="),
            envelope("signatures", listOf<Any>()), envelope("signatures", mapOf<String, Any>()),
            envelope("payload", null),
            envelope("more", 1), sealed { it.remove("verificationMaterial") },
            envelope("signatures", List(2) { mapOf("sig" to "MAYCAQECAQE=", "keyid" to "") }),
        )
        assertTrue(text !in bad)
        // another order of the same keys
        refused("SIGNATURE-SYNTAX") { check(sealed { it["mediaType"] = it.remove("mediaType") }) }
        for (variant in bad) refused("SIGNATURE-SYNTAX") { check(variant) }
        refused("SIGNATURE-SYNTAX") { check(" ".repeat(BundleSignature.MAX_BYTES)) }
    }

    @Test
    fun allowsOneSpellingOfTheSignature() {
        val der = signature(sealed())
        val length = der[3].toInt()
        val r = der.copyOfRange(4, 4 + length)
        val s = der.copyOfRange(6 + length, der.size)
        fun der(r: ByteArray, s: ByteArray): ByteArray {
            val body = byteArrayOf(2, r.size.toByte()) + r + byteArrayOf(2, s.size.toByte()) + s
            return byteArrayOf(0x30, body.size.toByte()) + body
        }
        check(withSignature(der))
        assertArrayEquals(der, der(r, s))
        val order = BigInteger("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
        val zero = byteArrayOf(0)
        val bad = listOf(
            ByteArray(0), zero, der + 0, der.copyOf(der.size - 1), der(zero + r, s), der(r, zero + s), der(r, zero),
            der(zero, s),
            der(order.toByteArray(), s), der(r, order.toByteArray()), der(r, byteArrayOf(-1)), der(r, ByteArray(0)),
            byteArrayOf(0x30, 0x81.toByte()) + der.drop(1), byteArrayOf(0x31) + der.drop(1), ByteArray(der.size) { -1 },
            byteArrayOf(0x30, 3, 2, 1, 1), byteArrayOf(0x30, 2, 2, 127),
        )
        for (variant in bad) refused("SIGNATURE-SYNTAX") { check(withSignature(variant)) }
        // the other signature that everybody can make of one: it vouches for the same bytes
        check(withSignature(der(r, (order - BigInteger(s)).toByteArray())))
        refused("SIGNATURE-WRONG") { check(withSignature(der(s, r))) }
        refused("SIGNATURE-WRONG") { check(withSignature(der(byteArrayOf(1), byteArrayOf(1)))) }
    }
}
