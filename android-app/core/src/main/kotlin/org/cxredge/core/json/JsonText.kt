package org.cxredge.core.json

/** Writes JSON: two-space indent, keys in the order of the map, a final newline. */
internal class JsonText private constructor(private val number: (StringBuilder, Number) -> Unit) {
    private val to = StringBuilder()

    private fun write(value: Any?, line: String) {
        when (value) {
            null, is Boolean -> to.append(value)
            is Int, is Long, is Double -> number(to, value as Number)
            is String -> quote(value)
            is List<*> -> items(value, "[]", line) { write(it, "$line  ") }
            is Map<*, *> -> items(value.entries, "{}", line) { (key, member) ->
                quote(key as String)
                to.append(": ")
                write(member, "$line  ")
            }
            else -> throw IllegalArgumentException("JSON has no ${value.javaClass}")
        }
    }

    private fun <T> items(items: Collection<T>, brackets: String, line: String, one: (T) -> Unit) {
        to.append(brackets[0])
        items.forEachIndexed { i, item ->
            to.append(if (i == 0) "" else ",").append(line).append("  ")
            one(item)
        }
        if (items.isNotEmpty()) to.append(line)
        to.append(brackets[1])
    }

    private fun quote(text: String) {
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

    companion object {
        /**
         * [value]: maps with text keys, lists, text without lone surrogates, finite numbers, booleans and null,
         * nested. [number]: writes one.
         */
        fun of(value: Any?, number: (StringBuilder, Number) -> Unit = ::finite): String =
            JsonText(number).apply { write(value, "\n") }.to.append('\n').toString()

        private fun finite(to: StringBuilder, number: Number) {
            require(number.toDouble().isFinite()) { "JSON has no $number" }
            to.append(number)
        }
    }
}
