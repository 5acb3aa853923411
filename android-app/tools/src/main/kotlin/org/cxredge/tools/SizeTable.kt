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
        for (abi in parts.map { it.name }.filter { it.startsWith(LIBRARIES) }.map { it.removePrefix(LIBRARIES) }) {
            val bytes: Long = withoutModel(abi)
            val verdict: String = if (bytes <= GOAL) "within" else "over"
            appendLine("%-26s %,12d  %s the goal of %,d".format("no model, $abi alone", bytes, verdict, GOAL))
        }
    }.trimEnd()

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
        const val LIBRARIES = "libraries "
        const val MODEL = "model"

        fun part(name: String): String = when {
            name.endsWith(".dex") -> "code (dex)"
            name.startsWith("lib/") -> LIBRARIES + name.split('/')[1]
            name.startsWith("assets/model/") -> MODEL
            name.startsWith("assets/") -> "keys and runtime.json"
            else -> "resources"
        }
    }
}
