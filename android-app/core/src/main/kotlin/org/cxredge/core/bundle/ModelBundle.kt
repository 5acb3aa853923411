package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream

/** A bundle that was checked: signature, statement, list of files and every hash, before its manifest was parsed. */
class ModelBundle private constructor(
    val manifest: ModelManifest,
    val signedBy: PinnedKey,
    private val files: FileTree,
    private val listed: Map<String, Listed>,
) {
    private class Listed(val bytes: Long, val sha256: String)

    /** A file's bytes, hashed again as they are read. Throws [Refusal] BUNDLE-FILES, BUNDLE-HASH, BUNDLE-READ. */
    fun bytes(path: String): ByteArray {
        val bytes = ByteArrayOutputStream()
        copy(path, bytes)
        return bytes.toByteArray()
    }

    /**
     * Copies a file to [to], hashing on the way, beside it and then renamed: [to] is whole or absent. A [to] that
     * holds these bytes already is kept. Throws [Refusal] BUNDLE-FILES, BUNDLE-HASH, BUNDLE-READ, STORAGE-LOW and
     * STORAGE-WRITE.
     */
    fun extract(path: String, to: File): Unit = extract(path, to, File::getUsableSpace)

    internal fun extract(path: String, to: File, usable: (File) -> Long) {
        val file = find(path)
        Extraction(to, file.bytes, file.sha256, usable).run { copy(path, it) }
    }

    private fun find(path: String): Listed = listed[path] ?: throw Refusal(
        "BUNDLE-FILES", "the bundle ${manifest.id} lists no file $path", "build the bundle again",
    )

    private fun copy(path: String, to: OutputStream) {
        val file = find(path)
        val copied = read(files, path) { Sha256.copy(it, file.bytes, to) }
        if (copied.bytes != file.bytes || copied.sha256 != file.sha256) {
            throw Refusal("BUNDLE-HASH", "$path is not the file that was verified", "get the bundle again")
        }
    }

    companion object {
        private const val MAX_FILE = 4_000_000_000L

        /**
         * Checks a bundle, and then reads its manifest. In this order: signature by a pinned key, signed statement,
         * exact set of files, hash of every file, manifest, its file list, kind, roll-back.
         *
         * Throws [Refusal] SIGNATURE-MISSING, -SYNTAX, -KEY, -WRONG, -FILES, -HASH; BUNDLE-FILES, -HASH, -READ,
         * -KIND, -ROLLBACK; MANIFEST-SYNTAX, -VERSION, -SCHEMA, -ID.
         */
        fun open(files: FileTree, trust: Trust): ModelBundle {
            val signed = BundleSignature.check(signature(files), trust.keys)
            val statement = SignedStatement.parse(signed.payload)
            checkSet(files, statement)
            val manifest = ByteArrayOutputStream()
            val listed = statement.files.mapValues { (path, sha256) ->
                val isManifest = path == ManifestReader.FILE
                val limit = if (isManifest) ManifestReader.MAX_BYTES.toLong() else MAX_FILE
                val read = read(files, path) { Sha256.copy(it, limit, manifest.takeIf { isManifest }) }
                if (isManifest && read.bytes > limit) {
                    throw Refusal("MANIFEST-SYNTAX", "$path has more than $limit bytes", "build the bundle again")
                }
                if (read.sha256 != sha256) {
                    throw Refusal(
                        "SIGNATURE-HASH",
                        "$path is not the file that was signed",
                        "get the bundle again from its publisher",
                    )
                }
                Listed(read.bytes, sha256)
            }
            val read = ManifestReader.read(manifest.toByteArray())
            checkList(read.files, listed)
            checkKind(read.manifest)
            checkAge(read.manifest, trust)
            return ModelBundle(read.manifest, signed.by, files, listed)
        }

        private fun signature(files: FileTree): ByteArray {
            val bytes = ByteArrayOutputStream()
            try {
                // a byte more than is allowed is enough to be refused
                files.open(BundleSignature.FILE).use { Sha256.copy(it, BundleSignature.MAX_BYTES.toLong(), bytes) }
            } catch (error: FileNotFoundException) {
                throw Refusal(
                    "SIGNATURE-MISSING",
                    "the bundle has no ${BundleSignature.FILE}: it is not signed",
                    "sign it, or get a signed bundle from its publisher",
                    error,
                )
            } catch (error: IOException) {
                throw unreadable(error)
            }
            return bytes.toByteArray()
        }

        private fun checkSet(files: FileTree, statement: SignedStatement) {
            val present = files.list().toSet()
            val missing = (statement.files.keys - present).sorted()
            val extra = (present - statement.files.keys - BundleSignature.FILE).sorted()
            if (missing.isNotEmpty() || extra.isNotEmpty()) {
                throw Refusal(
                    "SIGNATURE-FILES",
                    "the bundle does not hold what was signed (missing: ${said(missing)}, extra: ${said(extra)})",
                    "get the bundle again from its publisher, or remove what was added",
                )
            }
            if (ManifestReader.FILE !in statement.files) {
                throw Refusal("BUNDLE-FILES", "the bundle has no ${ManifestReader.FILE}", "build the bundle again")
            }
        }

        private fun checkList(files: List<ListedFile>, listed: Map<String, Listed>) {
            val own = files.mapTo(HashSet()) { it.path }
            val signed = listed.keys - ManifestReader.FILE
            if (own != signed) {
                val missing = (own - signed).sorted()
                val extra = (signed - own).sorted()
                throw Refusal(
                    "BUNDLE-FILES",
                    "the bundle does not hold what its manifest lists " +
                        "(missing: ${said(missing)}, extra: ${said(extra)})",
                    "build the bundle again",
                )
            }
            for (file in files) {
                val found = listed.getValue(file.path)
                if (found.sha256 != file.sha256 || found.bytes != file.bytes) {
                    throw Refusal(
                        "BUNDLE-HASH", "${file.path} is not the file that was verified", "build the bundle again",
                    )
                }
            }
        }

        private fun checkKind(manifest: ModelManifest) {
            if (manifest.kind == OTHER) {
                throw Refusal(
                    "BUNDLE-KIND",
                    "the bundle ${manifest.id} is for ${manifest.kind}",
                    "package the bundle for Android",
                )
            }
        }

        private fun checkAge(manifest: ModelManifest, trust: Trust) {
            val (name, version) = manifest.model.run { name to version }
            val newest = trust.newest[name] ?: return
            if (version < newest) {
                throw Refusal(
                    "BUNDLE-ROLLBACK",
                    "$name $version is older than $newest, which was here before",
                    "use $name $newest or newer",
                )
            }
        }

        private fun <T> read(files: FileTree, path: String, with: (InputStream) -> T): T = try {
            files.open(path).use(with)
        } catch (error: IOException) {
            throw unreadable(error)
        }

        private fun said(paths: List<String>): String = paths.take(SHOWN).toString()

        private const val SHOWN = 5

        /** The kind of the bundles for the other phone. */
        private const val OTHER = "ios"
    }
}
