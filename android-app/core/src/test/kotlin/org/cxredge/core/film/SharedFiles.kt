package org.cxredge.core.film

import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource
import java.io.File
import java.security.MessageDigest

/** The vectors shared with Python and Swift: tests/vectors. */
internal object Vectors {
    private val folder = File(System.getProperty("cxr.vectors"))
    val manifest: JsonNode = parse(File(folder, "vectors.json"))

    /** A file that the manifest names, held to the hash there. */
    fun bytes(entry: JsonNode): ByteArray {
        val bytes = File(folder, entry["file"].text()).readBytes()
        check(sha256(bytes) == entry["sha256"].text()) { "${entry["file"].text()} is not what vectors.json says" }
        return bytes
    }

    /** Shape [h, w] or [h, w, 3]. */
    fun shape(entry: JsonNode): List<Int> = entry["shape"].elements().map { it.int() }
}

/** Fixtures that `make android-fixtures` writes. */
internal fun fixture(path: String): File {
    val file = File(System.getProperty("cxr.fixtures"), path)
    check(file.isFile) { "$path is missing: run make android-fixtures" }
    return file
}

internal fun parse(file: File): JsonNode =
    Json.parse(file.readBytes(), Int.MAX_VALUE, JsonSource(file.name, "TEST-JSON", "TEST-JSON", "make it again"))

internal fun spec(node: JsonNode): InputSpec = InputSpec(
    channels = node["channels"].int(),
    height = node["height"].int(),
    width = node["width"].int(),
    fit = Fit.valueOf(node["fit"].text().uppercase()),
    padValue = node["pad_value"].int(),
    noWindow = NoWindow.valueOf(node["no_window"].text().uppercase().replace('-', '_')),
    modalities = node.find("modalities")?.elements()?.map { it.text() }.orEmpty(),
    bodyParts = node.find("body_parts")?.elements()?.map { it.text() }.orEmpty(),
    views = node.find("views")?.elements()?.map { it.text() }.orEmpty(),
)

internal fun sha256(bytes: ByteArray): String =
    MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }
