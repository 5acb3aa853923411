package org.cxredge.app.session

import org.cxredge.core.Artifact
import org.cxredge.core.Bundle
import org.cxredge.core.Refusal
import java.io.File
import java.io.IOException
import java.security.MessageDigest

/** The artifact as a file that a runtime can map into memory. */
class ModelFile(private val folder: File) {
    /**
     * Copies the artifact out of the bundle unless it is there, and hashes the file in any case: to be called before
     * every load. Removes the files of other bundles. Throws [Refusal] BUNDLE-HASH, STORAGE-LOW.
     */
    fun ready(bundle: Bundle, artifact: Artifact): File {
        val file = File(folder, "${artifact.sha256}.${artifact.path.substringAfterLast('.')}")
        folder.listFiles().orEmpty().filter { it != file }.forEach { it.deleteRecursively() }
        if (sha256(file) == artifact.sha256) return file
        folder.mkdirs()
        bundle.extract(artifact.path, file)
        if (sha256(file) != artifact.sha256) {
            throw Refusal("BUNDLE-HASH", "${artifact.path} changed while it was copied", "check the model again")
        }
        return file
    }

    private fun sha256(file: File): String? = try {
        val digest = MessageDigest.getInstance("SHA-256")
        file.inputStream().use { stream ->
            val buffer = ByteArray(1 shl 16)
            generateSequence { stream.read(buffer).takeIf { it >= 0 } }.forEach { digest.update(buffer, 0, it) }
        }
        digest.digest().joinToString("") { "%02x".format(it) }
    } catch (_: IOException) {
        null
    }
}
