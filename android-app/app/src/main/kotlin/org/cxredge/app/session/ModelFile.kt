package org.cxredge.app.session

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelBundle
import java.io.File

/** The artifact as a file that a runtime can map into memory. */
class ModelFile(private val folder: File) {
    /**
     * To be called before every load: hashes the file that is there, or copies it out of the bundle and hashes it on
     * the way. Removes the files of other bundles. Throws [org.cxredge.core.Refusal] BUNDLE-*, STORAGE-*.
     */
    fun ready(bundle: ModelBundle, artifact: Artifact): File {
        val file = File(folder, "${artifact.sha256}.${artifact.path.substringAfterLast('.')}")
        folder.listFiles().orEmpty().filter { it != file }.forEach { it.deleteRecursively() }
        bundle.extract(artifact.path, file)
        return file
    }
}
