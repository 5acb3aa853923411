package org.cxredge.tools

import java.nio.file.Path
import java.util.Base64
import java.util.Properties
import kotlin.io.path.name

/** Versions and hashes of what runtimes are made of (parts.properties). */
object Parts {
    /** The file's own text: a runtime that was laid from another text is laid again. */
    val text: String = checkNotNull(javaClass.getResource("/parts.properties")) { "the jar holds parts.properties" }
        .readText()
    private val values: Properties = Properties().apply { load(text.reader()) }

    /** Throws IllegalStateException for a name that parts.properties does not hold. */
    fun version(part: String): String = value("$part.version")

    /** Throws [Problem] RUNTIME-HASH where [file] is not the file whose SHA-256 is pinned. */
    fun check(part: String, file: Path) {
        val found: String = file.hash("SHA-256").toHex()
        if (found != value("$part.sha256")) throw changed(file, "SHA-256 $found")
    }

    /** As [check], for npm's notation of a SHA-512. */
    fun checkIntegrity(part: String, file: Path) {
        val found: String = "sha512-" + Base64.getEncoder().encodeToString(file.hash("SHA-512"))
        if (found != value("$part.integrity")) throw changed(file, found)
    }

    private fun value(key: String): String = checkNotNull(values.getProperty(key)) { "parts.properties has no $key" }

    private fun changed(file: Path, found: String): Problem = Problem(
        "RUNTIME-HASH",
        "${file.name} has $found, which is not what android-app/tools/src/main/resources/parts.properties pins",
        "remove the file and fetch it again; if it stays so, the registry serves another file: do not use it",
        status = Problem.ENVIRONMENT,
    )
}
