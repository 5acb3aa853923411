package org.cxredge.tools

import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import kotlin.io.path.absolute
import kotlin.io.path.createDirectories
import kotlin.io.path.deleteIfExists
import kotlin.io.path.exists

/** Lets [write] fill a file beside [goal], then renames it: [goal] is the old file or the whole new one. */
fun wholeFile(goal: Path, write: (Path) -> Unit) {
    val folder: Path = goal.absolute().parent.createDirectories()
    val beside: Path = Files.createTempFile(folder, ".${goal.fileName}.", ".part")
    try {
        write(beside)
        Files.move(beside, goal, ATOMIC_MOVE)
    } finally {
        beside.deleteIfExists()
    }
}

/** Lets [fill] fill a folder beside [goal], then puts it in the place of [goal]. */
fun wholeFolder(goal: Path, fill: (Path) -> Unit) {
    val parent: Path = goal.absolute().parent.createDirectories()
    val beside: Path = Files.createTempDirectory(parent, ".${goal.fileName}.")
    try {
        fill(beside)
        val old: Path = parent.resolve("${beside.fileName}.old")
        if (goal.exists()) Files.move(goal, old, ATOMIC_MOVE)
        Files.move(beside, goal, ATOMIC_MOVE)
        old.toFile().deleteRecursively()
    } finally {
        beside.toFile().deleteRecursively()
    }
}
