package org.cxredge.core.bench

import org.cxredge.core.bundle.FileTree
import org.cxredge.core.bundle.Folder
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.PinnedKey
import org.cxredge.core.bundle.Trust
import java.io.File
import java.io.InputStream
import java.security.MessageDigest

/**
 * Prints how long opening a signed bundle takes against hashing the same bytes: medians of warm rounds in turns.
 *
 * Arguments: a bundle's folder, a public key's file. From android-app, after `mvn -pl core test-compile`:
 * `mvn -q -pl core dependency:build-classpath -Dmdep.outputFile=core/target/classpath` and
 * `java -cp core/target/classes:core/target/test-classes:$(cat core/target/classpath)
 * org.cxredge.core.bench.VerifyBench ../dist/phantom-1.0.0-android ../keys/development.pub`.
 */
object VerifyBench {
    private const val ROUNDS = 40
    private const val WARM_UP = 20

    @JvmStatic
    fun main(arguments: Array<String>) {
        val (bundle, key) = arguments.map { File(it) }
        val trust = Trust(listOf(PinnedKey.parse(key.name, key.readText())))
        val onDisk = Folder(bundle)
        val files = onDisk.list().associateWith { path -> onDisk.open(path).use { it.readBytes() } }
        val inMemory = object : FileTree {
            override fun list(): List<String> = files.keys.toList()

            override fun open(path: String): InputStream = files.getValue(path).inputStream()
        }
        val tasks = listOf(
            { ModelBundle.open(onDisk, trust) },
            { ModelBundle.open(inMemory, trust) },
            { files.values.forEach { MessageDigest.getInstance("SHA-256").digest(it) } },
        )
        val times = List(ROUNDS) { tasks.map(::milliseconds) }.drop(WARM_UP)
        val (disk, memory, hash) = tasks.indices.map { i -> times.map { it[i] }.sorted()[times.size / 2] }
        val megabytes = files.values.sumOf { it.size.toLong() } / 1e6
        println("${bundle.name}: %.1f MB, ${files.size} files".format(megabytes))
        println("open from disk   %.1f ms, %.2f of plain SHA-256".format(disk, disk / hash))
        println("open from memory %.1f ms, %.2f of plain SHA-256".format(memory, memory / hash))
        println("plain SHA-256    %.1f ms".format(hash))
    }

    private fun milliseconds(task: () -> Any?): Double {
        val start = System.nanoTime()
        task()
        return (System.nanoTime() - start) / 1e6
    }
}
