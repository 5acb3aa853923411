package org.cxredge.core.json

import org.cxredge.core.Refusal

/** A kind of document: what it is called, the codes of its refusals, and what to do about them. */
internal class JsonSource(
    private val name: String,
    private val syntaxCode: String,
    private val schemaCode: String,
    private val fix: String,
) {
    /** Not JSON. */
    fun damaged(why: String, cause: Throwable? = null): Refusal =
        Refusal(syntaxCode, "$name is not valid JSON: $why", fix, cause)

    /** JSON, but not of the right shape. */
    fun wrong(path: String, why: String): Refusal =
        Refusal(schemaCode, if (path.isEmpty()) "$name: $why" else "$name: $path: $why", fix)
}

/** One value of a document and where it stands, for example `artifacts[0].tolerance.logits_abs`. */
internal class JsonNode(private val value: Any?, private val path: String, private val source: JsonSource) {
    val isNull: Boolean get() = value == null

    val isObject: Boolean get() = value is Map<*, *>

    /** This value, or null where it is no whole number. */
    val longOrNull: Long? get() = value as? Long

    /** This value, or null where it is no string. */
    val textOrNull: String? get() = value as? String

    /** This object, which has every key of [required], may have those of [optional], and no other. */
    fun record(vararg required: String, optional: Set<String> = emptySet()): JsonNode {
        val members = members()
        required.find { it !in members }?.let { wrong("$it is missing") }
        (members.keys - required.toSet() - optional).firstOrNull()?.let { wrong("unknown key ${it.take(SHOWN)}") }
        return this
    }

    /** What [read] makes of this value, or null where it is null. */
    fun <T> orNull(read: (JsonNode) -> T): T? = if (isNull) null else read(this)

    /** The member [key] of this object. */
    operator fun get(key: String): JsonNode = find(key) ?: wrong("$key is missing")

    /** The member [key] of this object, or null where it has none. */
    fun find(key: String): JsonNode? {
        val members = members()
        return if (members.containsKey(key)) JsonNode(members[key], below(key), source) else null
    }

    fun entries(): Map<String, JsonNode> = members().mapValues { (key, value) -> JsonNode(value, below(key), source) }

    fun elements(sizes: IntRange = 0..Int.MAX_VALUE): List<JsonNode> {
        val list = value as? List<*> ?: wrong("a list is expected")
        if (list.size !in sizes) wrong("a list of ${sizes.said()} is expected, not of ${list.size}")
        return list.mapIndexed { i, value -> JsonNode(value, "$path[$i]", source) }
    }

    fun text(): String = value as? String ?: wrong("text is expected")

    /** Text that [pattern] fits whole. */
    fun text(pattern: Regex): String {
        val text = text()
        return if (pattern.matches(text)) text else wrong("\"${text.take(SHOWN)}\" is not of the form $pattern")
    }

    /** One line for people: nothing that moves a cursor or turns the direction of what stands beside it. */
    fun line(sizes: IntRange): String {
        val text = text()
        if (text.codePointCount(0, text.length) !in sizes) wrong("a text of ${sizes.said()} characters is expected")
        text.find(Char::isUnprintable)?.let { wrong("it holds the control character ${it.code}") }
        return text
    }

    /** One of [choices], by its name in the document. */
    fun <T> choice(choices: Map<String, T>): T {
        val text = text()
        if (text !in choices) wrong("\"${text.take(SHOWN)}\" is none of ${choices.keys.joinToString()}")
        return choices.getValue(text)
    }

    /** Throws where this is not the text [expected]. */
    fun constant(expected: String) {
        if (value != expected) wrong("\"$expected\" is expected")
    }

    fun flag(): Boolean = value as? Boolean ?: wrong("true or false is expected")

    /** A whole number, written without fraction. */
    fun long(range: LongRange = Long.MIN_VALUE..Long.MAX_VALUE): Long {
        val number = value as? Long ?: wrong("a whole number is expected")
        return if (number in range) number else wrong("$number is not within ${range.first}..${range.last}")
    }

    fun int(range: IntRange = Int.MIN_VALUE..Int.MAX_VALUE): Int =
        long(range.first.toLong()..range.last.toLong()).toInt()

    /** A finite number, with or without fraction. */
    fun number(): Double = (value as? Double) ?: (value as? Long)?.toDouble() ?: wrong("a number is expected")

    /** A number as float32, finite there too. */
    fun float(): Float = number().run { if (this in FLOAT32) toFloat() else wrong("it does not fit into float32") }

    /** Whether [text], from which this was read, is canonical: see [Spelling]. */
    fun isSpelt(text: String): Boolean = Spelling.isCanonical(text, value)

    /** Throws: this value is not what it should be. */
    fun wrong(why: String): Nothing = throw source.wrong(path, why)

    private fun members(): Map<String, Any?> {
        @Suppress("UNCHECKED_CAST") // Json.parse makes no other maps
        return value as? Map<String, Any?> ?: wrong("an object is expected")
    }

    private fun below(key: String): String = if (path.isEmpty()) key.take(SHOWN) else "$path.${key.take(SHOWN)}"

    private fun IntRange.said(): String = if (first == last) "$first" else "$first..$last"

    private companion object {
        const val SHOWN = 60
        val FLOAT32 = -Float.MAX_VALUE.toDouble()..Float.MAX_VALUE.toDouble()
    }
}
