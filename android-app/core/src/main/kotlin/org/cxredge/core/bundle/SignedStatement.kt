package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonSource

/** What was signed: every file of the bundle but `model.sig`, by hash, in the statement's order. */
internal class SignedStatement(val files: Map<String, String>) {
    companion object {
        private const val TYPE = "https://in-toto.io/Statement/v1"
        private const val PREDICATE = "https://model_signing/signature/v1.0"
        private const val MAX_BYTES = 4_000_000
        private const val SHOWN = 100
        private val SOURCE = JsonSource(
            "the signed statement",
            "SIGNATURE-SYNTAX",
            "SIGNATURE-SYNTAX",
            "sign the bundle again with `cxredge` or model-signing 1.x",
        )

        /**
         * An in-toto statement v1 with model-signing's predicate v1.0, method "files". [payload]: its signature was
         * checked. Throws [Refusal] SIGNATURE-SYNTAX, also where a path appears twice or the subject is not the digest
         * over all files' digests; SIGNATURE-FILES for paths that are none inside a bundle.
         */
        fun parse(payload: ByteArray): SignedStatement {
            val root = Json.parse(payload, MAX_BYTES, SOURCE)
                .record("_type", "subject", "predicateType", "predicate")
            root["_type"].constant(TYPE)
            root["predicateType"].constant(PREDICATE)
            val predicate = root["predicate"].record("serialization", "resources")
            val method = predicate["serialization"]
                .record("method", "hash_type", "allow_symlinks", optional = setOf("ignore_paths"))
            method["method"].constant("files")
            method["hash_type"].constant("sha256")
            if (method["allow_symlinks"].flag()) method["allow_symlinks"].wrong("links are never followed")
            // what the signer ignored is of no interest: any file that is not listed is refused

            val files = LinkedHashMap<String, String>()
            val all = Sha256.digest()
            for (entry in predicate["resources"].elements(1..Int.MAX_VALUE)) {
                entry.record("name", "digest", "algorithm")["algorithm"].constant("sha256")
                val path = entry["name"].text()
                if (!BUNDLE_PATH.matches(path) || path == BundleSignature.FILE) {
                    throw Refusal(
                        "SIGNATURE-FILES",
                        "the signed statement lists \"${path.take(SHOWN)}\", which is no path inside a bundle",
                        "get the bundle again from its publisher",
                    )
                }
                val digest = entry["digest"].text(Sha256.HEX)
                if (files.put(path, digest) != null) entry["name"].wrong("$path appears twice")
                all.update(Sha256.bytes(digest))
            }
            val subject = root["subject"].elements(1..1).single().record("name", "digest")
            subject["name"].text()
            subject["digest"].record("sha256")["sha256"].constant(Sha256.hex(all.digest()))
            return SignedStatement(files)
        }
    }
}
