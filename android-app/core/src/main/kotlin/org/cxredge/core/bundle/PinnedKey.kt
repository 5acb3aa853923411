package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import java.math.BigInteger
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.PublicKey
import java.security.spec.X509EncodedKeySpec
import java.util.Base64

/** A public key (ECDSA P-256) that an app was built with. */
class PinnedKey private constructor(
    /** What the app calls it, usually its file's name. */
    val name: String,
    /** SHA-256 of the PEM text of the key, as hex: what model-signing writes as the key's hint. */
    val fingerprint: String,
    /** Whether the key's file says of itself that it is a development key: fit for trying out, not for release. */
    val development: Boolean,
    internal val key: PublicKey,
) {
    companion object {
        private const val BEGIN = "-----BEGIN PUBLIC KEY-----"
        private const val END = "-----END PUBLIC KEY-----"
        private const val COLUMNS = 64

        /** The line before BEGIN by which a key file says that it is a development key. */
        private const val DEVELOPMENT = "cxredge development key"

        /** DER before the point: SubjectPublicKeyInfo (RFC 5480) of id-ecPublicKey on secp256r1, uncompressed. */
        private val PREFIX = Sha256.bytes("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

        /** p and b of P-256 (FIPS 186-4, D.1.2.3); a is -3. */
        private val P = BigInteger("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16)
        private val B = BigInteger("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b", 16)
        private const val COORDINATE = 32

        /**
         * [pem]: the text of a public key file (X.509 SubjectPublicKeyInfo), perhaps with lines before BEGIN, which
         * RFC 7468 allows. Throws [Refusal] KEY-SYNTAX, also for keys of other kinds.
         */
        fun parse(name: String, pem: String): PinnedKey {
            val lines = pem.lines().map { it.trim() }
            val begin = lines.indexOf(BEGIN)
            val end = lines.indexOf(END)
            if (begin < 0 || end < begin || lines.lastIndexOf(BEGIN) != begin || lines.drop(end + 1).any { it != "" }) {
                throw refusal(name, "it is no PEM text with one public key")
            }
            val der = Base64s.decode(lines.subList(begin + 1, end).joinToString(""))
                ?: throw refusal(name, "its base64 is damaged")
            val point = der.size - PREFIX.size
            if (point != 2 * COORDINATE || !der.copyOf(PREFIX.size).contentEquals(PREFIX) || !onCurve(der)) {
                throw refusal(name, "it is no ECDSA key on P-256")
            }
            val key = try {
                KeyFactory.getInstance("EC").generatePublic(X509EncodedKeySpec(der))
            } catch (error: GeneralSecurityException) {
                throw refusal(name, "it is no ECDSA key on P-256", error)
            }
            return PinnedKey(name, Sha256.of(canonical(der).toByteArray()), DEVELOPMENT in lines.take(begin), key)
        }

        /** The PEM text as OpenSSL writes it, whatever the file's line ends and comments are. */
        private fun canonical(der: ByteArray): String {
            val body = Base64.getEncoder().encodeToString(der).chunked(COLUMNS)
            return (listOf(BEGIN) + body + END).joinToString("\n", postfix = "\n")
        }

        /** y^2 = x^3 - 3x + b mod p: not every provider checks this. */
        private fun onCurve(der: ByteArray): Boolean {
            val x = BigInteger(1, der.copyOfRange(PREFIX.size, PREFIX.size + COORDINATE))
            val y = BigInteger(1, der.copyOfRange(PREFIX.size + COORDINATE, der.size))
            val right = x.pow(3) - x * BigInteger.valueOf(3) + B
            return x < P && y < P && (y * y - right).mod(P).signum() == 0
        }

        private fun refusal(name: String, why: String, cause: Throwable? = null): Refusal = Refusal(
            "KEY-SYNTAX",
            "the public key $name cannot be used: $why",
            "pin a key that `cxredge keygen` or OpenSSL wrote for P-256",
            cause,
        )
    }
}

/** Canonical base64 (RFC 4648, 4). */
internal object Base64s {
    /** The bytes, or null where [text] is not exactly what an encoder writes. */
    fun decode(text: String): ByteArray? {
        val bytes = try {
            Base64.getDecoder().decode(text)
        } catch (_: IllegalArgumentException) {
            return null
        }
        return bytes.takeIf { Base64.getEncoder().encodeToString(it) == text }
    }
}
