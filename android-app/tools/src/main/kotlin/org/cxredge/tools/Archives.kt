package org.cxredge.tools

import java.io.BufferedOutputStream
import java.nio.file.Path
import java.time.LocalDateTime
import java.util.zip.ZipEntry
import java.util.zip.ZipFile
import java.util.zip.ZipOutputStream
import kotlin.io.path.createParentDirectories
import kotlin.io.path.outputStream

/** The time of every entry that we write: the same inputs give the same bytes. */
val FIXED_TIME: LocalDateTime = LocalDateTime.of(1981, 1, 1, 1, 1, 2)

/** Copies [entry] of the archive to [to]. Throws NoSuchElementException where there is none. */
fun unpack(archive: Path, entry: String, to: Path): Unit = ZipFile(archive.toFile()).use { zip ->
    val found: ZipEntry = zip.getEntry(entry) ?: throw NoSuchElementException("$archive holds no $entry")
    zip.getInputStream(found).use { from -> to.createParentDirectories().outputStream().use { from.copyTo(it) } }
}

/** Names of the archive's files, sorted. */
fun names(archive: Path): List<String> = ZipFile(archive.toFile()).use { zip ->
    zip.stream().filter { !it.isDirectory }.map { it.name }.toList().sorted()
}

/** One jar with the class files of several; an earlier jar wins. */
fun mergeJars(jars: List<Path>, to: Path) {
    val seen: MutableSet<String> = mutableSetOf()
    ZipOutputStream(BufferedOutputStream(to.createParentDirectories().outputStream())).use { out ->
        for (jar in jars) ZipFile(jar.toFile()).use { zip ->
            for (name in names(jar).filter { it.endsWith(".class") && seen.add(it) }) {
                out.putNextEntry(ZipEntry(name).apply { timeLocal = FIXED_TIME })
                zip.getInputStream(zip.getEntry(name)).use { it.copyTo(out) }
            }
        }
    }
}
