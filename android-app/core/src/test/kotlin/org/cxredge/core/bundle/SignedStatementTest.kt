package org.cxredge.core.bundle

import org.cxredge.core.Fixtures
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class SignedStatementTest {
    private val signer = SmallBundle.SIGNER
    private val files = mapOf("b/c.txt" to "c".toByteArray(), "a.txt" to "a".toByteArray())

    private fun parse(
        files: Map<String, ByteArray> = this.files,
        edit: (MutableMap<String, Any?>) -> Unit = {},
    ): SignedStatement =
        SignedStatement.parse(BundleSignature.check(signer.sign(files, edit), listOf(signer.pinned)).payload)

    private fun serialization(key: String, value: Any?): (MutableMap<String, Any?>) -> Unit = { statement ->
        @Suppress("UNCHECKED_CAST")
        (((statement["predicate"] as Map<String, Any?>)["serialization"]) as MutableMap<String, Any?>)[key] = value
    }

    private fun resources(edit: (List<Map<String, Any?>>) -> Any?): (MutableMap<String, Any?>) -> Unit = { statement ->
        @Suppress("UNCHECKED_CAST")
        (statement["predicate"] as MutableMap<String, Any?>).let {
            it["resources"] = edit(it["resources"] as List<Map<String, Any?>>)
        }
    }

    @Test
    fun listsFilesByHash() {
        assertEquals(files.toSortedMap().mapValues { Sha256.of(it.value) }, parse().files)
        val real = BundleSignature.check(Fixtures.bundle.resolve("model.sig").readBytes(), listOf(Fixtures.key))
        val listed = SignedStatement.parse(real.payload).files.keys
        assertEquals(Folder(Fixtures.bundle).list().toSet() - "model.sig", listed)
    }

    @Test
    fun refusesOtherStatements() {
        val edits = listOf<(MutableMap<String, Any?>) -> Unit>(
            { it["_type"] = "https://in-toto.io/Statement/v0.1" },
            { it["predicateType"] = "https://slsa.dev/provenance/v1" },
            { it["more"] = 1 },
            { it.remove("subject") },
            { it["subject"] = listOf<Any>() },
            { it["subject"] = listOf(mapOf("name" to "x", "digest" to mapOf("sha256" to "0".repeat(64)))) },
            { it["subject"] = listOf(mapOf("name" to "x", "digest" to mapOf("sha512" to "0".repeat(64)))) },
            serialization("method", "shards"),
            serialization("hash_type", "blake2b"),
            serialization("allow_symlinks", true),
            serialization("allow_symlinks", "false"),
            serialization("shard_size", 100),
            resources { emptyList<Any>() },
            resources { it.reversed() },
            resources { it.dropLast(1) },
            resources { it + it.last() },
            resources { null },
            resources { list -> list.map { it + ("algorithm" to "md5") } },
            resources { list -> list.map { it + ("digest" to "abc") } },
            resources { list -> list.map { it + ("digest" to (it["digest"] as String).uppercase()) } },
            resources { list -> list.map { it + ("more" to 1) } },
        )
        for (edit in edits) refused("SIGNATURE-SYNTAX") { parse(edit = edit) }
        refused("SIGNATURE-SYNTAX") { SignedStatement.parse("not JSON".toByteArray()) }
    }

    @Test
    fun refusesPathsThatLeadElsewhere() {
        val bad = listOf(
            "../a", "/a", "a/../b", "a//b", "./a", "a/", "", ".hidden", "a\\b", "C:\\a", "a\u0000", "a b", "é",
            "model.sig", "a/.b",
        )
        for (path in bad) refused("SIGNATURE-FILES") { parse(files + (path to ByteArray(1))) }
    }
}
