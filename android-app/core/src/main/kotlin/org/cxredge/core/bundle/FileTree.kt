package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.file.Files
import java.nio.file.LinkOption.NOFOLLOW_LINKS
import java.nio.file.NoSuchFileException
import java.nio.file.NotDirectoryException
import java.nio.file.Path

/** Where a bundle's files lie: a folder, or an app's assets. */
interface FileTree {
    /** Every file below, relative, with forward slashes. Throws [Refusal] SIGNATURE-FILES for links and pipes. */
    fun list(): List<String>

    /** The file's bytes from the start. Throws java.io.IOException; FileNotFoundException where there is none. */
    fun open(path: String): InputStream
}

/** A folder of the file system. Hidden files are files like others; links are never followed. */
class Folder(private val root: File) : FileTree {
    override fun list(): List<String> {
        val found = ArrayList<String>()
        try {
            if (Files.isDirectory(root.toPath())) walk(root.toPath(), "", 0, found)
        } catch (error: IOException) {
            throw unreadable(error)
        }
        return found
    }

    private fun walk(folder: Path, prefix: String, depth: Int, found: MutableList<String>) {
        Files.newDirectoryStream(folder).use { entries ->
            for (entry in entries) {
                val name = "$prefix${entry.fileName}"
                when {
                    Files.isRegularFile(entry, NOFOLLOW_LINKS) -> found.add(name)
                    Files.isDirectory(entry, NOFOLLOW_LINKS) && depth < MAX_DEPTH ->
                        walk(entry, "$name/", depth + 1, found)
                    else -> throw Refusal(
                        "SIGNATURE-FILES",
                        "$name is a link, a special file, or more than $MAX_DEPTH folders deep",
                        "get the bundle again",
                    )
                }
                if (found.size > MAX_FILES) {
                    throw Refusal("SIGNATURE-FILES", "there are more than $MAX_FILES files", "get the bundle again")
                }
            }
        }
    }

    override fun open(path: String): InputStream {
        if (!BUNDLE_PATH.matches(path)) throw FileNotFoundException("$path is no path inside a bundle")
        var place = root.toPath()
        for (name in path.split('/')) {
            if (!Files.isDirectory(place, NOFOLLOW_LINKS) && place != root.toPath()) throw FileNotFoundException(path)
            place = place.resolve(name)
        }
        if (!Files.isRegularFile(place, NOFOLLOW_LINKS)) throw FileNotFoundException(path)
        try {
            return Files.newInputStream(place, NOFOLLOW_LINKS)
        } catch (error: NoSuchFileException) {
            throw FileNotFoundException(path).apply { initCause(error) }
        } catch (error: NotDirectoryException) {
            throw FileNotFoundException(path).apply { initCause(error) }
        }
    }

    private companion object {
        const val MAX_DEPTH = 16
        const val MAX_FILES = 10_000
    }
}

/** A file's path inside a bundle, as the manifest's schema has it: relative, and never out of the bundle. */
internal val BUNDLE_PATH: Regex = Regex("[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")

/** What is thrown where a bundle's file cannot be read at all. */
internal fun unreadable(error: IOException): Refusal =
    Refusal("BUNDLE-READ", "the bundle cannot be read: ${error.message}", "get the bundle again", error)
