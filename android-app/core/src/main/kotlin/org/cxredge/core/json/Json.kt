package org.cxredge.core.json

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.nio.charset.CodingErrorAction

/**
 * A strict reader of untrusted JSON text (RFC 8259).
 *
 * Refused, besides what the grammar refuses: bytes that are not UTF-8, lone surrogates, a key that appears twice in
 * one object (RFC 8259, 4: receivers differ in which one they see), text after the value, numbers that overflow, more
 * than [MAX_DEPTH] levels and more than [MAX_VALUES] values, so that neither stack nor heap grows with an attack.
 */
internal class Json private constructor(private val text: String) {
    private var at = 0
    private var values = 0

    private class Damaged(message: String) : Exception(message)

    private fun document(): Any? {
        val value = value(0)
        space()
        if (at != text.length) damaged("text after the end")
        return value
    }

    private fun value(depth: Int): Any? {
        if (depth > MAX_DEPTH) damaged("more than $MAX_DEPTH levels")
        if (++values > MAX_VALUES) damaged("more than $MAX_VALUES values")
        space()
        return when (peek()) {
            '{' -> members(depth)
            '[' -> elements(depth)
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun members(depth: Int): Map<String, Any?> {
        val found = LinkedHashMap<String, Any?>()
        at++
        if (closes('}')) return found
        while (true) {
            space()
            if (peek() != '"') damaged("a key is expected")
            val key = string()
            if (found.containsKey(key)) damaged("the key \"${key.take(SHOWN)}\" appears twice")
            space()
            if (peek() != ':') damaged("a colon is expected")
            at++
            found[key] = value(depth + 1)
            if (closes('}')) return found
            comma()
        }
    }

    private fun elements(depth: Int): List<Any?> {
        val found = ArrayList<Any?>()
        at++
        if (closes(']')) return found
        while (true) {
            found.add(value(depth + 1))
            if (closes(']')) return found
            comma()
        }
    }

    private fun closes(bracket: Char): Boolean {
        space()
        if (peek() != bracket) return false
        at++
        return true
    }

    private fun comma() {
        if (peek() != ',') damaged("a comma or a closing bracket is expected")
        at++
    }

    private fun word(word: String, value: Boolean?): Boolean? {
        if (!text.startsWith(word, at)) damaged("an unknown word")
        at += word.length
        return value
    }

    private fun string(): String {
        val start = ++at
        while (at < text.length && text[at] != '"' && text[at] != '\\' && text[at] >= ' ') at++
        if (peek() == '"') return text.substring(start, at++)
        val built = StringBuilder(text.substring(start, at))
        while (true) {
            val next = peek()
            at++
            when {
                next == '"' -> return built.toString().also(::whole)
                next == '\\' -> built.append(escaped())
                next < ' ' -> damaged("a control character in a string")
                else -> built.append(next)
            }
        }
    }

    private fun escaped(): Char {
        val kind = peek()
        at++
        return when (kind) {
            '"', '\\', '/' -> kind
            'b' -> '\b'
            'f' -> '\u000c'
            'n' -> '\n'
            'r' -> '\r'
            't' -> '\t'
            'u' -> {
                val digits = text.substring(at, minOf(at + HEX_DIGITS, text.length))
                if (digits.length < HEX_DIGITS || !digits.all { it in '0'..'9' || it in 'a'..'f' || it in 'A'..'F' }) {
                    damaged("four hexadecimal digits are expected")
                }
                at += HEX_DIGITS
                digits.toInt(16).toChar()
            }
            else -> damaged("an unknown escape")
        }
    }

    private fun whole(string: String) {
        var i = 0
        while (i < string.length) {
            val pair = string[i].isHighSurrogate() && i + 1 < string.length && string[i + 1].isLowSurrogate()
            if (string[i].isSurrogate() && !pair) damaged("a lone surrogate")
            i += if (pair) 2 else 1
        }
    }

    private fun number(): Number {
        val start = at
        if (peek() == '-') at++
        if (peek() == '0') at++ else digits()
        var whole = true
        if (at < text.length && text[at] == '.') {
            at++
            digits()
            whole = false
        }
        if (at < text.length && (text[at] == 'e' || text[at] == 'E')) {
            at++
            if (peek() == '+' || peek() == '-') at++
            digits()
            whole = false
        }
        if (at - start > MAX_NUMBER) damaged("a number of more than $MAX_NUMBER characters")
        val token = text.substring(start, at)
        if (whole) return token.toLongOrNull() ?: damaged("a number that overflows")
        val value = token.toDouble()
        return if (value.isInfinite()) damaged("a number that overflows") else value
    }

    private fun digits() {
        if (peek() !in '0'..'9') damaged("a digit is expected")
        while (at < text.length && text[at] in '0'..'9') at++
    }

    private fun space() {
        while (at < text.length && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else damaged("the text ends early")

    private fun damaged(why: String): Nothing = throw Damaged("$why at character $at")

    companion object {
        /** Levels of brackets; the deepest document that is read has nine. */
        const val MAX_DEPTH: Int = 64

        /** Values of one document; a manifest of eleven artifacts has some thousands. */
        const val MAX_VALUES: Int = 1_000_000
        private const val MAX_NUMBER = 64
        private const val HEX_DIGITS = 4
        private const val SHOWN = 40

        /**
         * The root of a document: objects as maps in their order, arrays as lists, numbers without fraction and
         * exponent as Long, all others as Double. [bytes]: UTF-8, at most [maxBytes]. Throws a refusal with
         * the syntax code of [source]; the returned node throws with its schema code.
         */
        fun parse(bytes: ByteArray, maxBytes: Int, source: JsonSource): JsonNode {
            if (bytes.size > maxBytes) throw source.damaged("it has ${bytes.size} bytes, more than $maxBytes")
            val strict = Charsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)
            try {
                return JsonNode(Json(strict.decode(ByteBuffer.wrap(bytes)).toString()).document(), "", source)
            } catch (error: CharacterCodingException) {
                throw source.damaged("it is not UTF-8", error)
            } catch (error: Damaged) {
                throw source.damaged(error.message.orEmpty(), error)
            }
        }
    }
}
