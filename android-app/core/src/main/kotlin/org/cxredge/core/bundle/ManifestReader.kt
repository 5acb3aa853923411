package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource

/** A file as the manifest lists it. */
internal class ListedFile(val path: String, val bytes: Long, val sha256: String)

/** A manifest, and the files that it lists: all of the bundle but itself and the signature. */
internal class ReadManifest(val manifest: ModelManifest, val files: List<ListedFile>)

/**
 * manifest.json, schema version 2 (docs/schemas/manifest.schema.json): every key is there but the few that the schema
 * does not require, and no other.
 */
internal object ManifestReader {
    const val FILE: String = "manifest.json"
    const val MAX_BYTES: Int = 1_000_000
    private const val VERSION = 2L
    private const val FIX = "build the bundle again"
    private val SOURCE = JsonSource(FILE, "MANIFEST-SYNTAX", "MANIFEST-SCHEMA", FIX)
    private const val ID_LINE = "\n  \"id\": \""
    private const val ID_DIGITS = 12
    private const val MAX_PATH = 200
    private val ARTIFACTS = 1..32
    private const val FAILED = "failed"
    private val KINDS = listOf("host", "android", "ios").associateWith { it }

    /** Throws [Refusal] MANIFEST-SYNTAX, -VERSION, -SCHEMA or -ID, BUNDLE-FAILED and BUNDLE-HASH. */
    fun read(bytes: ByteArray): ReadManifest {
        val root = Json.parse(bytes, MAX_BYTES, SOURCE)
        checkVersion(root)
        checkKept(root)
        root.record("manifest", "kind", "id", "model", "artifacts", "primary", "selftest", "files")
        val model = ModelReader.read(root["model"])
        val id = root["id"].text()
        checkId(bytes, id, "${model.name}-${root["model"]["version"].text()}")
        val files = files(root["files"])
        val listed = files.associateBy { it.path }
        val artifacts = root["artifacts"].elements(ARTIFACTS).map { ArtifactReader.read(it, model, listed) }
        if (artifacts.distinctBy { it.name }.size != artifacts.size) root["artifacts"].wrong("a name appears twice")
        val primary = root["primary"].text(ArtifactReader.NAME)
        if (artifacts.none { it.name == primary }) root["primary"].wrong("the bundle has no artifact $primary")
        val selfTest = path(root["selftest"])
        if (selfTest !in listed) root["selftest"].wrong("the file is not listed")
        val kind = root["kind"].choice(KINDS)
        if (!root.isSpelt(bytes.toString(Charsets.UTF_8))) root.wrong("it is not written as a build writes it")
        return ReadManifest(ModelManifest(id, kind, model, artifacts, primary, selfTest), files)
    }

    private fun checkVersion(root: JsonNode) {
        val version = if (root.isObject) root.find("manifest")?.longOrNull else null
        if (version == VERSION) return
        val said = "$FILE has schema version ${version ?: "none"}, and $VERSION is read here"
        if (version != null && version > VERSION) throw Refusal("MANIFEST-VERSION", said, "use a newer app")
        throw Refusal("MANIFEST-VERSION", said, "build it again with a current cxredge")
    }

    /** What a build leaves whose gates were not kept is no kind of bundle, and has keys of its own. */
    private fun checkKept(root: JsonNode) {
        if (root.find("kind")?.textOrNull == FAILED) {
            throw Refusal("BUNDLE-FAILED", "the bundle is of a build that kept not all of its gates", "build it again")
        }
    }

    /**
     * The id hashes the manifest's canonical text with an empty id. That text is the file itself, as cxredge writes
     * it: nothing is written anew here, where numbers might get other digits than Python gives them.
     */
    private fun checkId(bytes: ByteArray, id: String, head: String) {
        val text = bytes.toString(Charsets.UTF_8)
        val line = text.indexOf("$ID_LINE$id\"")
        val start = line + ID_LINE.length
        val emptied = if (line < 0) "" else text.removeRange(start, start + id.length)
        if (id != "$head-${Sha256.of(emptied.toByteArray()).take(ID_DIGITS)}") {
            throw Refusal("MANIFEST-ID", "$FILE was changed after it was written: its id does not fit", FIX)
        }
    }

    private fun files(node: JsonNode): List<ListedFile> {
        val files = node.elements().map {
            it.record("path", "bytes", "sha256")
            ListedFile(path(it["path"]), it["bytes"].long(0..Long.MAX_VALUE), it["sha256"].text(Sha256.HEX))
        }
        val paths = files.map { it.path }
        if (paths != paths.distinct().sorted()) node.wrong("paths must be sorted, each once")
        return files
    }

    /** A path inside the bundle. */
    fun path(node: JsonNode): String =
        node.text(BUNDLE_PATH).also { if (it.length > MAX_PATH) node.wrong("it has more than $MAX_PATH characters") }
}
