package org.cxredge.core

import java.io.File
import java.util.concurrent.TimeUnit
import kotlin.reflect.KClass

/** How many films, and how many bundles, are damaged by lot: fewer in everyday's runs than in `make test-full`. */
internal val MUTANTS: Int = System.getProperty("cxr.mutants").toInt()

/**
 * Runs an object's `main` in a Java of its own, with a heap of [heap] MiB and this one's properties. Returns what it
 * printed; throws with that where it did not end well. One that hangs is stopped.
 */
internal fun inSmallHeap(main: KClass<*>, heap: Int, vararg arguments: String): String {
    val java = File(System.getProperty("java.home"), "bin/java").path
    val path = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
    val given = listOf("cxr.vectors", "cxr.frozen", "cxr.fixtures", "cxr.cases").map { "-D$it=${System.getProperty(it)}" }
    val command = listOf(java, "-Xmx${heap}m", "-Djava.awt.headless=true", "-cp", path) + given
    val said = File.createTempFile("small-heap", ".txt")
    try {
        val child = ProcessBuilder(command + main.java.name + arguments)
            .redirectErrorStream(true)
            .redirectOutput(said)
            .start()
        val ended = child.waitFor(20, TimeUnit.MINUTES)
        if (!ended) child.destroyForcibly().waitFor()
        check(ended && child.exitValue() == 0) { said.readText().takeLast(4000) + if (ended) "" else "\nit hangs" }
        return said.readText()
    } finally {
        said.delete()
    }
}
