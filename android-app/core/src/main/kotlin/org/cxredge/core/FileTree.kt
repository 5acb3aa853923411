package org.cxredge.core

import java.io.File
import java.io.InputStream

/** Where a bundle's files lie: a folder, or an app's assets. */
interface FileTree {
    /** Every file below, relative, with forward slashes. Throws [Refusal] BUNDLE-FILES for links and special files. */
    fun list(): List<String>

    /** The file's bytes from the start. Throws java.io.IOException. */
    fun open(path: String): InputStream
}

/** A folder of the file system. */
class Folder(private val root: File) : FileTree {
    override fun list(): List<String> = TODO()

    override fun open(path: String): InputStream = TODO()
}
