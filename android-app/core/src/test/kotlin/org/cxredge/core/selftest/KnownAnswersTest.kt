package org.cxredge.core.selftest

import org.cxredge.core.Fixtures
import org.cxredge.core.Place
import org.cxredge.core.bundle.Folder
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.PinnedKey
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.bundle.Trust
import org.cxredge.core.decision.Decision
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.json.JsonText
import org.cxredge.core.places
import org.cxredge.core.put
import org.cxredge.core.refused
import org.cxredge.core.remove
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class KnownAnswersTest {
    private fun document(): MutableMap<String, Any?> = mutableMapOf(
        "selftest" to 2,
        "cam_shape" to mutableListOf(2, 2, 3),
        "cases" to mutableListOf(
            mutableMapOf(
                "name" to "a", "what" to "b", "image" to "a.png", "image_sha256" to "", "pixels" to "a.pixels",
                "pixels_sha256" to "",
                "expected" to mutableMapOf(
                    "onnx/fp32" to mutableMapOf<String, Any?>(
                        "logits" to mutableListOf(1, 2.5), "cam" to MutableList(12) { it / 4.0 }, "novelty" to 1,
                        "quality" to mutableListOf(-1, 0.5),
                    ),
                ),
            ),
        ),
    )

    private val expected: Place = listOf("cases", 0, "expected", "onnx/fp32")

    private fun read(root: Any?, small: SmallBundle = SmallBundle()): List<KnownAnswer> {
        small.files["selftest/selftest.json"] = JsonText.of(root).toByteArray()
        val bundle = small.list().open()
        return KnownAnswers.of(bundle, bundle.manifest.artifact("onnx/fp32"))
    }

    private fun changed(place: Place, value: Any?): Any = document().apply { put(place, value) }

    @Test
    fun readsWhatTheModelGives() {
        val answer = read(document()).single()
        assertEquals("selftest/a.png selftest/a.pixels", answer.run { "$image $pixels" })
        val outputs = answer.expected
        assertArrayEquals(floatArrayOf(1f, 2.5f), outputs.logits)
        assertArrayEquals(FloatArray(12) { it / 4f }, outputs.cam?.values)
        assertEquals(1f, outputs.novelty)
        assertArrayEquals(floatArrayOf(-1f, 0.5f), outputs.quality)
        val bare = document().apply {
            put(listOf("cam_shape"), null)
            for (output in listOf("cam", "novelty", "quality")) put(expected + output, null)
        }
        val less = read(bare, SmallBundle().bare()).single().expected
        assertEquals(listOf(null, null, null), less.run { listOf(cam, novelty, quality) })
    }

    @Test
    fun refusesWhatDoesNotFitTheManifest() {
        val bad = listOf(
            changed(listOf("selftest"), 1), changed(listOf("selftest"), 3), changed(listOf("selftest"), "2"),
            changed(listOf("cases"), emptyList<Any>()), changed(listOf("cases", 0, "image"), "../a.png"),
            changed(listOf("cases", 0, "expected"), mapOf("tflite/fp32" to document())),
            changed(listOf("cam_shape"), listOf(2, 3, 2)), changed(listOf("cam_shape"), null),
            changed(expected + "logits", listOf(1)), changed(expected + "logits", listOf(1, 1e39)),
            changed(expected + "logits", null), changed(expected + "cam", null), changed(expected + "novelty", null),
            changed(expected + "novelty", listOf(1)), changed(expected + "quality", null),
            changed(expected + "quality", listOf(1)), changed(expected + "cam", List(11) { 0 }), null,
            emptyList<Any>(),
        )
        for (root in bad) refused("SELFTEST-SCHEMA") { read(root) }
        // all that a model may give, of a model that gives logits alone
        refused("SELFTEST-SCHEMA") { read(document(), SmallBundle().bare()) }
        refused("SELFTEST-SCHEMA") { read(changed(listOf("cam_shape"), null), SmallBundle().bare()) }
    }

    @Test
    fun keysAreExact() {
        val keys = places(document()).filter { it.last() is String }
        assertEquals(15, keys.size)
        for (place in keys) {
            refused("SELFTEST-SCHEMA") { read(document().apply { remove(place) }) }
            if (place.last() == "onnx/fp32") continue // other artifacts have their own answers
            refused("SELFTEST-SCHEMA") { read(changed(place.dropLast(1) + "more", 1)) }
        }
    }

    @Test
    fun aFileOfTheGreatestSizeIsRead() {
        fun read(text: String) {
            val small = SmallBundle().apply { files["selftest/selftest.json"] = text.toByteArray() }.list().open()
            KnownAnswers.of(small, small.manifest.artifact("onnx/fp32"))
        }
        val text = JsonText.of(document())
        assertEquals(16_000_000 to 1_000_000, KnownAnswers.run { MAX_BYTES to MAX_VALUES })
        read(text.padEnd(KnownAnswers.MAX_BYTES))
        assertTrue("16000001 bytes" in refused("SELFTEST-SYNTAX") { read(text.padEnd(16_000_001)) }.reason)
        // what stands for other artifacts is counted, and not looked at
        val expected = listOf("cases", 0, "expected")
        fun values(more: Int) = JsonText.of(changed(expected + "tflite/fp32", List(more) { 0 }))
        val own = places(document()).size + 2 // the root, and the list of the others
        read(values(1_000_000 - own))
        assertTrue("1000000 values" in refused("SELFTEST-SYNTAX") { read(values(1_000_001 - own)) }.reason)
    }

    /** Their runtime is not here: pictures and decisions are what this machine can check. */
    @Test
    fun frozenBundlesGiveTheirPixelsAndDecisions() {
        val key = PinnedKey.parse("signer.pub", Fixtures.frozen.resolve("signer.pub").readText())
        for (name in listOf("bundle", "classes")) {
            val bundle = ModelBundle.open(Folder(Fixtures.frozen.resolve(name)), Trust(listOf(key)))
            val (model, artifact) = bundle.manifest.run { model to artifact(primary) }
            val preprocessor = Preprocessor { error("the self-test has no JPEG") }
            val tally = Tally(Stage.DECISION)
            val check = DecisionCheck(model, artifact.tolerance, { Decision.of(model, artifact, it) }, tally)
            check.edges()
            val answers = KnownAnswers.of(bundle, artifact)
            assertEquals(listOf("phantom-0", "phantom-1", "ramp", "checks"), answers.map { it.name })
            for (answer in answers) {
                val pixels = preprocessor.preprocess(bundle.bytes(answer.image), model.input).pixels
                assertArrayEquals(bundle.bytes(answer.pixels), pixels)
                check.known(answer.name, answer.expected)
            }
            assertTrue(tally.verdict().passed, tally.verdict().detail)
        }
    }
}
