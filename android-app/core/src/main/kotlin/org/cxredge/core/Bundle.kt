package org.cxredge.core

import java.io.File

/** A bundle that was checked: signature, statement, list of files and every hash, before its manifest was parsed. */
class Bundle private constructor(
    val manifest: Manifest,
    val signedBy: PinnedKey,
    private val files: FileTree,
) {
    /** A file's bytes, hashed again as they are read. Throws [Refusal] BUNDLE-HASH. */
    fun bytes(path: String): ByteArray = TODO()

    /** Copies a file to [to], hashing on the way, beside it and then renamed. Throws [Refusal] BUNDLE-HASH, STORAGE-LOW. */
    fun extract(path: String, to: File): Unit = TODO()

    companion object {
        /** Throws [Refusal] SIGNATURE-*, BUNDLE-*, MANIFEST-*. */
        fun open(files: FileTree, trust: Trust): Bundle = TODO()
    }
}
