package org.cxredge.core.json

/**
 * How cxredge writes JSON: keys sorted at every level, two-space indent, a final newline, and no escape but those of
 * quotes and backslashes. How a number is written is left out, because Python and the JVM do not agree on its digits.
 */
internal object Spelling {
    /** Stands for a number; [JsonText] never writes it, for it escapes control characters. */
    private const val NUMBER = '\u0000'
    private const val OF_NUMBERS = "+-.0123456789Ee"

    /**
     * Whether [text], from which [value] was read, is written so. The texts of [value] hold no control
     * characters, and its keys are ASCII, whose order is the same in Python.
     */
    fun isCanonical(text: String, value: Any?): Boolean {
        var at = 0
        for (char in JsonText.of(sorted(value)) { to, _ -> to.append(NUMBER) }) {
            if (char == NUMBER) {
                while (at < text.length && text[at] in OF_NUMBERS) at++
            } else if (at == text.length || text[at++] != char) {
                return false
            }
        }
        return at == text.length
    }

    private fun sorted(value: Any?): Any? = when (value) {
        is Map<*, *> -> value.entries.associate { (key, member) -> key as String to sorted(member) }.toSortedMap()
        is List<*> -> value.map(::sorted)
        else -> value
    }
}
