package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource
import java.math.BigInteger
import java.security.GeneralSecurityException
import java.security.Signature
import java.util.Base64

/**
 * `model.sig`: a Sigstore bundle v0.3 with one DSSE envelope, as OpenSSF model-signing 1.x writes it for a key pair.
 *
 * The file is read in one spelling, byte for byte: that in which model-signing 1.1 and `cxredge sign` write it. What is
 * left to vary is the key's fingerprint, the payload, every bit of which is signed, and two numbers in the one DER that
 * they have. (r, order - s) verifies where (r, s) does: either is taken, as both vouch for the same bytes.
 */
internal object BundleSignature {
    const val FILE: String = "model.sig"
    const val MAX_BYTES: Int = 4_000_000
    private const val MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
    private const val PAYLOAD_TYPE = "application/vnd.in-toto+json"
    private val SOURCE = JsonSource(FILE, "SIGNATURE-SYNTAX", "SIGNATURE-SYNTAX", "sign the bundle again")

    /** The order of P-256's base point (FIPS 186-4, D.1.2.3). */
    private val ORDER = BigInteger("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)

    class Signed(val payload: ByteArray, val by: PinnedKey)

    /** The payload of an envelope that one of [keys] signed. Throws [Refusal] SIGNATURE-SYNTAX, -KEY or -WRONG. */
    fun check(bytes: ByteArray, keys: List<PinnedKey>): Signed {
        // a tab and a carriage return are one bit apart, and so are the two cases of an escape's digits
        if (!bytes.all { it == '\n'.code.toByte() || it in ' '.code..'~'.code && it != '\\'.code.toByte() }) {
            throw SOURCE.damaged("it holds escapes, or other characters than printable ASCII")
        }
        val root = Json.parse(bytes, MAX_BYTES, SOURCE)
            .record("mediaType", "verificationMaterial", "dsseEnvelope")
        root["mediaType"].constant(MEDIA_TYPE)
        val material = root["verificationMaterial"].record("publicKey", "tlogEntries")
        material["tlogEntries"].elements(0..0)
        val hint = material["publicKey"].record("hint")["hint"].text(Sha256.HEX)
        val envelope = root["dsseEnvelope"].record("payload", "payloadType", "signatures")
        envelope["payloadType"].constant(PAYLOAD_TYPE)
        val entry = envelope["signatures"].elements(1..1).single().record("sig", "keyid")
        entry["keyid"].constant("")
        val signature = base64(entry["sig"]).also { if (!canonical(it)) entry["sig"].wrong("it is no ECDSA signature") }
        val payload = base64(envelope["payload"])
        if (!bytes.contentEquals(text(hint, payload, signature).toByteArray())) {
            throw SOURCE.damaged("it is not written as model-signing writes it, byte for byte")
        }
        val key = keys.find { it.fingerprint == hint } ?: throw Refusal(
            "SIGNATURE-KEY",
            "the bundle is signed by the key $hint, which is not pinned here",
            "use a bundle of the publisher that this app was built for, or build the app with this key",
        )
        if (!verifies(payload, signature, key)) {
            throw Refusal(
                "SIGNATURE-WRONG",
                "the signature does not fit what $FILE says; it was changed after it was signed",
                "get the bundle again from its publisher",
            )
        }
        return Signed(payload, key)
    }

    /** The file, in the one spelling that is read. */
    fun text(hint: String, payload: ByteArray, signature: ByteArray): String {
        val base64 = Base64.getEncoder()
        return """{"mediaType":"$MEDIA_TYPE","verificationMaterial":{"publicKey":{"hint":"$hint"},"tlogEntries":[]},""" +
            """"dsseEnvelope":{"payload":"${base64.encodeToString(payload)}","payloadType":"$PAYLOAD_TYPE",""" +
            """"signatures":[{"sig":"${base64.encodeToString(signature)}","keyid":""}]}}"""
    }

    private fun verifies(payload: ByteArray, signature: ByteArray, key: PinnedKey): Boolean = try {
        Signature.getInstance("SHA256withECDSA").run {
            initVerify(key.key)
            update(preAuthentication(payload))
            verify(signature)
        }
    } catch (_: GeneralSecurityException) {
        false
    }

    /** DSSE v1 pre-authentication encoding: what is signed. */
    private fun preAuthentication(payload: ByteArray): ByteArray =
        "DSSEv1 ${PAYLOAD_TYPE.length} $PAYLOAD_TYPE ${payload.size} ".toByteArray() + payload

    private fun base64(node: JsonNode): ByteArray =
        Base64s.decode(node.text()) ?: node.wrong("it is no canonical base64")

    /** Whether [der] is the one DER spelling of two numbers in 1..order-1 (RFC 3279, 2.2.3): providers differ here. */
    private fun canonical(der: ByteArray): Boolean {
        val numbers = ArrayList<BigInteger>()
        var at = 2
        while (at + 1 < der.size && numbers.size < 2) {
            val end = at + 2 + der[at + 1]
            if (der[at + 1] < 1 || end > der.size) return false
            numbers.add(BigInteger(der.copyOfRange(at + 2, end)))
            at = end
        }
        if (numbers.size != 2 || numbers.any { it.signum() <= 0 || it >= ORDER }) return false
        val body = numbers.map { it.toByteArray() }.fold(ByteArray(0)) { all, it ->
            all + INTEGER + it.size.toByte() + it
        }
        return der.contentEquals(byteArrayOf(SEQUENCE, body.size.toByte()) + body)
    }

    private const val SEQUENCE: Byte = 0x30
    private const val INTEGER: Byte = 0x02
}
