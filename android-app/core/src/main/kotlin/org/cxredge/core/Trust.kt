package org.cxredge.core

/** A model's version, three numbers. */
data class Version(val major: Int, val minor: Int, val patch: Int) : Comparable<Version> {
    override fun compareTo(other: Version): Int = compareValuesBy(this, other, { it.major }, { it.minor }, { it.patch })

    override fun toString(): String = "$major.$minor.$patch"

    companion object {
        /** Throws [Refusal] MANIFEST-SCHEMA. */
        fun parse(text: String): Version = TODO()
    }
}

/** A public key (ECDSA P-256) that an app was built with. */
class PinnedKey private constructor(
    val name: String,
    /** SHA-256 of the PEM text of the key, as hex: what model-signing writes as the key's hint. */
    val fingerprint: String,
    /** Whether the key's file says of itself that it is a development key: fit for trying out, not for release. */
    val development: Boolean,
    internal val key: java.security.PublicKey,
) {
    companion object {
        /** [pem]: the text of a public key file, perhaps with lines before BEGIN. Throws [Refusal] KEY-SYNTAX. */
        fun parse(name: String, pem: String): PinnedKey = TODO()
    }
}

/** What an app accepts: bundles signed by one of [keys], and of each model nothing older than [newest]. */
class Trust(val keys: List<PinnedKey>, val newest: Map<String, Version> = emptyMap())
