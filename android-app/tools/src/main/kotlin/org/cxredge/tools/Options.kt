package org.cxredge.tools

import java.nio.file.Path

/** `--name value` pairs of a command line; every pair must be one that the command knows. */
class Options private constructor(private val values: Map<String, String>) {
    /** Throws [Problem] TOOL-OPTION where the option is absent. */
    fun text(name: String): String = values[name]
        ?: throw Problem("TOOL-OPTION", "--$name is missing", "call it through make, or give --$name")

    fun path(name: String): Path = Path.of(text(name))

    /** Comma-separated. */
    fun list(name: String): List<String> = text(name).split(',').filter { it.isNotEmpty() }

    companion object {
        /** Throws [Problem] TOOL-OPTION for anything but pairs of [known] names, each given once. */
        fun parse(arguments: List<String>, known: Set<String>): Options {
            val values: MutableMap<String, String> = mutableMapOf()
            for (pair in arguments.chunked(2)) {
                val name: String = pair[0].removePrefix("--")
                if (pair.size < 2 || name == pair[0] || name !in known || values.put(name, pair[1]) != null) {
                    throw Problem(
                        "TOOL-OPTION", "${pair[0]} is not an option with one value", "choose options",
                        known.map { "--$it" },
                    )
                }
            }
            return Options(values)
        }
    }
}
