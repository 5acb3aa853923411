package org.cxredge.core.bundle

import org.cxredge.core.json.JsonText
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.spec.ECGenParameterSpec
import java.util.Base64

/** Signs bundles as OpenSSF model-signing does, with a key of the JDK's own. */
internal class Signer(curve: String = "secp256r1") {
    private val pair: KeyPair =
        KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec(curve)) }.generateKeyPair()

    val pem: String = Base64.getMimeEncoder(64, "\n".toByteArray()).encodeToString(pair.public.encoded)
        .let { "-----BEGIN PUBLIC KEY-----\n$it\n-----END PUBLIC KEY-----\n" }

    val pinned: PinnedKey by lazy { PinnedKey.parse("signer.pub", pem) }

    /** The text of `model.sig` for [files]; [edit] may change the statement, [wrap] the envelope. */
    fun sign(
        files: Map<String, ByteArray>,
        edit: (MutableMap<String, Any?>) -> Unit = {},
        wrap: (MutableMap<String, Any?>) -> Unit = {},
    ): ByteArray = seal(JsonText.of(statement(files).also(edit)).toByteArray(), wrap)

    /** The same for any [payload]. */
    fun seal(payload: ByteArray, wrap: (MutableMap<String, Any?>) -> Unit = {}): ByteArray {
        val signature = Signature.getInstance("SHA256withECDSA").run {
            initSign(pair.private)
            update("DSSEv1 ${TYPE.length} $TYPE ${payload.size} ".toByteArray() + payload)
            sign()
        }
        val base64 = Base64.getEncoder()
        val envelope = mutableMapOf<String, Any?>(
            "payload" to base64.encodeToString(payload),
            "payloadType" to TYPE,
            "signatures" to listOf(mapOf("sig" to base64.encodeToString(signature), "keyid" to "")),
        )
        val root = mutableMapOf<String, Any?>(
            "mediaType" to "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial" to mapOf(
                "publicKey" to mapOf("hint" to pinned.fingerprint),
                "tlogEntries" to listOf<Any>(),
            ),
            "dsseEnvelope" to envelope,
        )
        return compact(root.also(wrap)).toByteArray()
    }

    /** As model-signing writes it; none of the texts in an envelope holds white space. */
    private fun compact(tree: Any): String = JsonText.of(tree).replace(Regex("\\s"), "")

    private fun statement(files: Map<String, ByteArray>): MutableMap<String, Any?> {
        val hashes = files.toSortedMap().mapValues { Sha256.of(it.value) }
        val subject = Sha256.of(hashes.values.fold(ByteArray(0)) { all, it -> all + Sha256.bytes(it) })
        return mutableMapOf(
            "_type" to "https://in-toto.io/Statement/v1",
            "subject" to listOf(mapOf("name" to "small", "digest" to mapOf("sha256" to subject))),
            "predicateType" to "https://model_signing/signature/v1.0",
            "predicate" to mutableMapOf(
                "serialization" to mutableMapOf<String, Any?>(
                    "method" to "files", "hash_type" to "sha256", "allow_symlinks" to false,
                    "ignore_paths" to listOf("model.sig"),
                ),
                "resources" to hashes.map { (path, hash) ->
                    mapOf("name" to path, "digest" to hash, "algorithm" to "sha256")
                },
            ),
        )
    }

    private companion object {
        const val TYPE = "application/vnd.in-toto+json"
    }
}
