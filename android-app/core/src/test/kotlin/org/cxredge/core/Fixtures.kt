package org.cxredge.core

import org.cxredge.core.bundle.FileTree
import org.cxredge.core.bundle.Folder
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.PinnedKey
import org.cxredge.core.bundle.Trust
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.assertThrows
import java.io.File

/** What `make android-fixtures` made: a signed bundle, keys, films, and what the reference says of them. */
internal object Fixtures {
    val folder: File = File(System.getProperty("cxr.fixtures")).also {
        check(it.resolve("bundle/model.sig").isFile) { "there are no fixtures: run `make android-fixtures`" }
    }
    val bundle: File = folder.resolve("bundle")
    val key: PinnedKey = PinnedKey.parse("test.pub", folder.resolve("keys/test.pub").readText())

    /** Bundles of schema version 2, signed once and for ever. */
    val frozen: File = File(System.getProperty("cxr.frozen"))

    fun open(): ModelBundle = ModelBundle.open(Folder(bundle), Trust(listOf(key)))

    /** A file's values, as the golden tests/vectors/NAME has them. */
    fun vectors(name: String): JsonNode {
        val source = JsonSource(name, "VECTORS", "VECTORS", "make them anew")
        return Json.parse(File(System.getProperty("cxr.vectors"), name).readBytes(), 16_000_000, source)
    }
}

/** Runs [part], which must be refused with [code]; returns the refusal. */
internal fun refused(code: String, part: () -> Unit): Refusal {
    val refusal = assertThrows<Refusal> { part() }
    assertEquals(code, refusal.code, refusal.message)
    return refusal
}

/** Files in memory. */
internal class MemoryTree(val files: Map<String, ByteArray>) : FileTree {
    override fun list(): List<String> = files.keys.toList()

    override fun open(path: String): java.io.InputStream =
        files[path]?.inputStream() ?: throw java.io.FileNotFoundException(path)

    /** The same files but one. */
    fun with(path: String, bytes: ByteArray): MemoryTree = MemoryTree(files + (path to bytes))

    companion object {
        fun of(folder: File): MemoryTree =
            MemoryTree(Folder(folder).list().associateWith { folder.resolve(it).readBytes() })
    }
}
