package org.cxredge.app

import org.cxredge.core.Folder
import org.cxredge.core.PinnedKey
import java.io.File

/** What `make android-fixtures` made: a signed bundle, its key, films, and the host's answers. */
object Fixtures {
    val root: File = File(System.getProperty("cxr.fixtures"))
    val bundle: File = File(root, "bundle")
    val films: List<File> = File(root, "films").listFiles().orEmpty().sorted()

    fun keys(): List<PinnedKey> = listOf(PinnedKey.parse("test", File(root, "keys/test.pub").readText()))

    /** A colour JPEG of the preprocessing vectors. */
    fun colour(): File = vectors.first { it.name == "colour" }.file

    fun folder(): Folder = Folder(bundle)
}
