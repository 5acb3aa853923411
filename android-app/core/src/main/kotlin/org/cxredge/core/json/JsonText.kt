package org.cxredge.core.json

/** Writes JSON: two-space indent, keys in the order of the map, a final newline. */
internal object JsonText {
    /** [value]: maps with text keys, lists, text without lone surrogates, finite numbers, booleans and null, nested. */
    fun of(value: Any?): String = StringBuilder().also { write(value, "\n", it) }.append('\n').toString()

    private fun write(value: Any?, line: String, to: StringBuilder) {
        when (value) {
            null, is Boolean, is Int, is Long -> to.append(value)
            is Double -> to.append(value.also { require(it.isFinite()) { "JSON has no $it" } })
            is String -> quote(value, to)
            is List<*> -> items(value, "[]", line, to) { write(it, "$line  ", to) }
            is Map<*, *> -> items(value.entries, "{}", line, to) { (key, member) ->
                quote(key as String, to)
                to.append(": ")
                write(member, "$line  ", to)
            }
            else -> throw IllegalArgumentException("JSON has no ${value.javaClass}")
        }
    }

    private fun <T> items(items: Collection<T>, brackets: String, line: String, to: StringBuilder, one: (T) -> Unit) {
        to.append(brackets[0])
        items.forEachIndexed { i, item ->
            to.append(if (i == 0) "" else ",").append(line).append("  ")
            one(item)
        }
        if (items.isNotEmpty()) to.append(line)
        to.append(brackets[1])
    }

    private fun quote(text: String, to: StringBuilder) {
        to.append('"')
        for (char in text) {
            when {
                char == '"' || char == '\\' -> to.append('\\').append(char)
                char < ' ' -> to.append("\\u").append(char.code.toString(16).padStart(4, '0'))
                else -> to.append(char)
            }
        }
        to.append('"')
    }
}
