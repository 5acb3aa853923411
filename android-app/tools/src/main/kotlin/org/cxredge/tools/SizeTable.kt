package org.cxredge.tools

import java.util.zip.Deflater

/** What the parts of [apk] weigh: in the file, unpacked, and deflated (about what a shop sends to a phone). */
class SizeTable(private val apk: Apk) {
    private class Part(val name: String, val packed: Long, val unpacked: Long, val deflated: Long)

    private val parts: List<Part> = apk.entries.groupBy { part(it.name) }.toSortedMap().map { (name, entries) ->
        Part(name, entries.sumOf { it.packed }, entries.sumOf { it.size }, entries.sumOf(::deflated))
    }
    private val frame: Long = apk.size - parts.sumOf { it.packed }

    /** Bytes in the file without the model's files and with the libraries of [abi] alone, padding counted. */
    fun withoutModel(abi: String): Long =
        frame + parts.filter { it.name != MODEL && (!it.name.startsWith(LIBRARIES) || it.name == "$LIBRARIES$abi") }
            .sumOf { it.packed }

    /** The table, one part a line, and each ABI's sum against the goal. */
    fun text(): String = buildString {
        appendLine("%-26s %12s %12s %12s".format("part", "in the APK", "unpacked", "deflated"))
        for (part in parts) {
            appendLine("%-26s %,12d %,12d %,12d".format(part.name, part.packed, part.unpacked, part.deflated))
        }
        appendLine("%-26s %,12d".format("directory, padding, keys", frame))
        appendLine("%-26s %,12d".format("whole APK", apk.size))
        appendLine(goal("code, unpacked", parts.filter { it.name == CODE }.sumOf { it.unpacked }, CODE_GOAL))
        for (abi in parts.map { it.name }.filter { it.startsWith(LIBRARIES) }.map { it.removePrefix(LIBRARIES) }) {
            appendLine(goal("no model, $abi alone", withoutModel(abi), GOAL))
        }
    }.trimEnd()

    private fun goal(name: String, bytes: Long, goal: Long): String =
        "%-26s %,12d  %s the goal of %,d".format(name, bytes, if (bytes <= goal) "within" else "over", goal)

    private fun deflated(entry: ApkEntry): Long {
        if (!entry.stored) return entry.packed
        val deflater = Deflater()
        val buffer = ByteArray(1 shl 16)
        deflater.setInput(apk.bytes(entry.name))
        deflater.finish()
        while (!deflater.finished()) deflater.deflate(buffer)
        return deflater.bytesWritten.also { deflater.end() }
    }

    private companion object {
        const val GOAL = 12_000_000L

        /** Of the app's own code; Kotlin's and the runtime's classes are counted with it. */
        const val CODE_GOAL = 700_000L
        const val CODE = "code (dex)"
        const val LIBRARIES = "libraries "
        const val MODEL = "model"

        fun part(name: String): String = when {
            name.endsWith(".dex") -> CODE
            name.startsWith("lib/") -> LIBRARIES + name.split('/')[1]
            name.startsWith("assets/model/") -> MODEL
            name.startsWith("assets/") -> "keys and runtime.json"
            else -> "resources"
        }
    }
}
