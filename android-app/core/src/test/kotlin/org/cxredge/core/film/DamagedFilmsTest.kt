package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.cxredge.core.json.JsonNode
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/**
 * Thousands of damaged vectors (tests/android/film_mutants.py): nothing but a [Refusal] is thrown, and what the
 * reference reads gives its pixels. Refused here, though the reference reads them: PNG files with lines missing, and
 * DICOM files whose header is wrong in ways that pydicom passes over.
 */
class DamagedFilmsTest {
    private val preprocessor = Preprocessor(IMAGE_IO)
    private val sources = Vectors.manifest["films"].elements().associateBy { it["name"].text() }
    private val bytes = sources.mapValues { Vectors.bytes(it.value["source"]) }

    @Test
    fun `a damaged film is refused, or gives the reference's pixels`() {
        val mutants = parse(fixture("film-cases/mutants.json"))["mutants"].elements()
        val wrong = ArrayList<String>()
        val refused = HashMap<String, Int>()
        var equal = 0
        for ((number, mutant) in mutants.withIndex()) {
            val name = mutant["film"].text()
            val kind = name.substringAfterLast('.')
            val source = sources.getValue(name)
            val answer: Any = try {
                preprocessor.preprocess(damaged(bytes.getValue(name), mutant), spec(source["spec"]))
            } catch (refusal: Refusal) {
                refusal
            }
            val expected = mutant.find("sha256")?.text()
            when {
                answer is Film && kind == "jpg" -> Unit
                answer is Film && sha256(answer.pixels) == expected -> equal++
                answer is Film && (expected != null || kind == "png") -> wrong += "$number $name was read"
                answer is Refusal && expected != null && mutant["looser"].text().isEmpty() -> {
                    refused[kind] = (refused[kind] ?: 0) + 1
                    if (kind == "png") wrong += "$number $name: $answer"
                }
            }
        }
        assertEquals(emptyList<String>(), wrong.take(5))
        assertTrue(mutants.size >= 5000 && equal >= 1000, "$equal of ${mutants.size} are equal")
        assertTrue((refused["dcm"] ?: 0) < equal / 10, "too many are refused that the reference reads: $refused")
    }

    private fun damaged(film: ByteArray, mutant: JsonNode): ByteArray {
        val bytes = film.copyOf(mutant["cut"].int())
        for (edit in mutant["edits"].elements()) {
            val (at, value) = edit.elements().map { it.int() }
            bytes[at] = value.toByte()
        }
        return bytes
    }
}
