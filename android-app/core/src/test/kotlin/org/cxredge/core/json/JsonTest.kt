package org.cxredge.core.json

import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class JsonTest {
    private val source = JsonSource("a test", "SYNTAX", "SCHEMA", "mend it")

    private fun parse(text: String): JsonNode = parse(text.toByteArray())

    private fun parse(bytes: ByteArray): JsonNode = Json.parse(bytes, 1_000_000, source)

    @Test
    fun readsEveryKindOfValue() {
        val escapes = """x\"\\\/\b\f\n\r\t\u00e9\ud83e\uDEC1é"""
        val root = parse(""" { "a" : [ 1 , -0.5e1 , true , false , null ] , "b" : { "c" : "$escapes" } } """)
        val list = root["a"].elements(5..5)
        assertEquals(1L, list[0].long())
        assertEquals(1.0, list[0].number())
        assertEquals(-5.0, list[1].number())
        assertEquals(listOf(true, false), listOf(list[2].flag(), list[3].flag()))
        assertTrue(list[4].isNull)
        assertEquals("x\"\\/\b\u000c\n\r\té\ud83e\udec1é", root["b"]["c"].text())
        assertEquals(listOf("a", "b"), root.entries().keys.toList())
        assertEquals(Long.MIN_VALUE, parse("-9223372036854775808").long())
        assertEquals("", parse("\"\"").text())
        assertEquals(0, parse("[]").elements().size + parse("{}").entries().size)
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "", " ", "nul", "truex", "tru", "+1", "01", "-", "-a", "1.", ".5", "1e", "1e+", "0x10", "1_000", "NaN",
            "Infinity", "-Infinity", "1e309", "-1e999", "9223372036854775808", "\"", "\"a", "'a'", "\"\u0001\"",
            "\"\t\"",
            "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800x\"", "\"\\udc00\\ud800\"", "[", "[1",
            "[1,",
            "[1,]", "[,1]", "[1 2]", "]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{\"a\" 1}",
            "{1:2}", "{\"a\":1 \"b\":2}", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}", "1 2", "{} []", "// 1",
            "\uFEFF1",
            "\"\\", "\"\\u", "tRUE", "[1]x", "1\u00002",
        ],
    )
    fun refusesWhatIsNotJson(text: String) {
        refused("SYNTAX") { parse(text) }
    }

    @Test
    fun refusesBytesThatAreNotUtf8() {
        val bad = listOf(
            intArrayOf(0x80), intArrayOf(0xc0, 0xaf), intArrayOf(0xed, 0xa0, 0x80), intArrayOf(0xf5, 0x80, 0x80, 0x80),
            intArrayOf(0xe2, 0x82),
        )
        for (bytes in bad) {
            val text = byteArrayOf('"'.code.toByte()) + bytes.map { it.toByte() } + '"'.code.toByte()
            assertTrue("UTF-8" in refused("SYNTAX") { parse(text) }.reason)
        }
    }

    @Test
    fun boundsDepthSizeAndCount() {
        val deepest = "[".repeat(Json.MAX_DEPTH) + "1" + "]".repeat(Json.MAX_DEPTH)
        parse(deepest)
        refused("SYNTAX") { parse("[$deepest]") }
        refused("SYNTAX") { parse("[".repeat(900_000)) }
        refused("SYNTAX") { parse("{\"a\":".repeat(100_000)) }
        refused("SYNTAX") { Json.parse(ByteArray(11) { '1'.code.toByte() }, 10, source) }
        refused("SYNTAX") { parse("1" + "0".repeat(100_000)) }
        refused("SYNTAX") { parse("0." + "0".repeat(100_000)) }
        val many = "[" + "1,".repeat(Json.MAX_VALUES) + "1]"
        refused("SYNTAX") { Json.parse(many.toByteArray(), 10_000_000, source) }
    }

    @Test
    fun namesThePlaceOfWhatIsWrong() {
        val root = parse("""{"artifacts":[{"tolerance":{"logits_abs":"x"}}],"n":1.5,"m":70000}""")
        val place = "artifacts[0].tolerance.logits_abs"
        val node = root["artifacts"].elements()[0]["tolerance"]["logits_abs"]
        assertTrue(place in refused("SCHEMA") { node.number() }.reason)
        refused("SCHEMA") { root["n"].long() }
        refused("SCHEMA") { root["m"].int(0..255) }
        refused("SCHEMA") { root["n"].flag() }
        refused("SCHEMA") { root["n"].text() }
        refused("SCHEMA") { root["n"].entries() }
        refused("SCHEMA") { root["n"].elements() }
        refused("SCHEMA") { root["artifacts"].elements(2..3) }
        refused("SCHEMA") { root["x"] }
        refused("SCHEMA") { root.record("artifacts", "n") }
        refused("SCHEMA") { root.record("artifacts", "n", "m", "o") }
        root.record("artifacts", "n", optional = setOf("m", "o"))
    }

    @Test
    fun numbersMustFitIntoFloat32() {
        for ((text, value) in listOf("0.1" to 0.1f, "-3.4028234663852886e38" to -Float.MAX_VALUE, "1e-60" to 0f)) {
            assertEquals(value, parse("[$text]").elements().single().float())
        }
        val bad = listOf("3.4028235e38", "-1e39", "\"1\"", "null")
        for (text in bad) refused("SCHEMA") { parse("[$text]").elements().single().float() }
        assertEquals(listOf(null, 1L), parse("[null,1]").elements().map { node -> node.orNull { it.long() } })
    }

    @Test
    fun linesForPeopleMoveNoCursorAndTurnNoText() {
        fun line(text: String) = parse(JsonText.of(listOf(text))).elements().single().line(1..5)
        val lungs = "\ud83e\udec1" // one character of two
        for (good in listOf("a", "12345", "é ", lungs.repeat(5), "\u2030\u202f\u2065")) assertEquals(good, line(good))
        for (bad in listOf("", "123456", lungs.repeat(6))) refused("SCHEMA") { line(bad) }
        val moving = ('\u0000'..'\u001f') + ('\u007f'..'\u009f') + ('\u2028'..'\u202e') + ('\u2066'..'\u2069')
        for (bad in moving) refused("SCHEMA") { line("a$bad") }
    }

    @Test
    fun writesWhatItReads() {
        val text = "a\"\\\n\u0000é\ud83e\udec1"
        val list = listOf(1, 2.5, null, true, 1e-7)
        val tree = mapOf("t" to text, "e" to listOf<Any>(), "o" to mapOf<String, Any>(), "l" to list)
        val root = parse(JsonText.of(tree))
        assertEquals(text, root["t"].text())
        assertEquals(1e-7, root["l"].elements()[4].number())
        val nested = mapOf("a" to listOf(1, mapOf<String, Any>()))
        assertEquals("{\n  \"a\": [\n    1,\n    {}\n  ]\n}\n", JsonText.of(nested))
        assertThrows<IllegalArgumentException> { JsonText.of(Double.NaN) }
        assertThrows<IllegalArgumentException> { JsonText.of(1f) }
    }
}
