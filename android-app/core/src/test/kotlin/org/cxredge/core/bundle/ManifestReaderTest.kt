package org.cxredge.core.bundle

import org.cxredge.core.Fixtures
import org.cxredge.core.Refusal
import org.cxredge.core.film.Fit
import org.cxredge.core.film.InputSpec
import org.cxredge.core.film.NoWindow
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ManifestReaderTest {
    private val notLookedInto = setOf(
        "parameters", "calibration", "evaluation", "validation", "strangers", "tools", "recipe.student",
        "recipe.weights",
        "recipe.calibration", "recipe.targets", "recipe.primary", "recipe.bundles", "recipe.gates",
        "artifacts.artifact.file",
        "artifacts.artifact.bytes", "artifacts.artifact.census", "artifacts.artifact.delegation",
        "artifacts.tolerance.rule",
        "artifacts.temperature.reference", "artifacts.temperature.films", "artifacts.temperature.nll_before",
        "artifacts.temperature.nll_after", "artifacts.inputs.unit", "artifacts.outputs.unit",
        "artifacts.outputs.layout", "id",
    )

    private fun read(small: SmallBundle): ModelManifest = ManifestReader.read(small.sealed()).manifest

    @Test
    fun readsWhatAnAppNeeds() {
        val small = SmallBundle().list()
        val manifest = read(small)
        assertEquals("small 2.1.0 android Apache-2.0", manifest.run { "$name $version $kind $licence" })
        assertTrue(manifest.id.startsWith("small-2.1.0-") && manifest.phantom)
        assertEquals(listOf("Effusion", "Nodule"), manifest.labels)
        assertEquals(LabelsKind.MULTI_LABEL, manifest.labelsKind)
        assertEquals(listOf(-1f, 0.1f), manifest.operatingPoints.toList())
        assertEquals(listOf("by hand", "youden on val"), manifest.operatingRules)
        assertEquals(2.7994, manifest.noveltyThreshold)
        assertEquals(InputSpec(3, 16, 24, Fit.PAD, 0, NoWindow.STORED_RANGE), manifest.input)
        assertEquals(listOf("onnx/fp32", "tflite/fp32"), manifest.artifacts.map { it.name })
        val artifact = manifest.artifact("tflite/fp32")
        assertEquals("NHWC", artifact.layout)
        assertEquals(CamShape(2, 2, 3), artifact.cam)
        assertEquals(500L, artifact.bytes)
        assertEquals(2.0, artifact.temperature)
        assertEquals(listOf(0.25, 1.0, 0.5), artifact.tolerance.run { listOf(logitsAbs, camAbs, noveltyRel) })
        refused("BUNDLE-ARTIFACT") { manifest.artifact("tflite/w8") }
    }

    @Test
    fun readsWhatTheToolchainWrote() {
        val manifest = Fixtures.open().manifest
        assertEquals("phantom-1.0.0", manifest.id.substringBeforeLast('-'))
        assertEquals(listOf("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax"), manifest.labels)
        assertEquals(emptyMap<String, String>(), manifest.artifact("onnx/w8a8").tooFew)
        assertEquals(3, manifest.limitations.size)
    }

    @Test
    fun saysWhichSchemaVersionsAreExpiredOrUnknown() {
        for ((version, word) in listOf(2 to "unknown", 99 to "unknown", 0 to "expired", -1 to "expired")) {
            val small = SmallBundle().list()
            small.manifest["manifest"] = version
            small.manifest["more"] = 1 // what a later version looks like is not known
            assertTrue(word in refused("MANIFEST-VERSION") { read(small) }.reason)
        }
        for (text in listOf("[]", "{}", "{\"manifest\":\"1\"}", "{\"manifest\":1.0}", "1", "{\"manifest\":true}")) {
            refused("MANIFEST-VERSION") { ManifestReader.read(text.toByteArray()) }
        }
    }

    @Test
    fun everyFieldOfEveryTypeIsReadOrRefused() {
        val wrong = listOf(
            null, true, -1.5, -1, Long.MAX_VALUE, "", "\u0000", "x".repeat(5000), listOf<Any>(), listOf(1),
            mapOf<String, Any>(),
        )
        val accepted = sortedSetOf<String>()
        val places = places(SmallBundle().list().manifest)
        for (place in places) {
            for (value in wrong) {
                val small = SmallBundle().list()
                if (at(small.manifest, place) == value) continue
                put(small.manifest, place, value)
                try {
                    read(small)
                    accepted.add(place.filterIsInstance<String>().joinToString("."))
                } catch (refusal: Refusal) {
                    val expected = setOf("MANIFEST-SCHEMA", "MANIFEST-VERSION", "MANIFEST-ID", "BUNDLE-HASH")
                    assertTrue(refusal.code in expected, refusal.code)
                }
            }
        }
        assertTrue(places.size > 100)
        // what is accepted is words, a number that may have any value, or not looked into
        val free = setOf(
            "statement", "kind", "recipe.licence", "recipe.card.summary", "recipe.card.intended_use",
            "recipe.card.limitations",
            "recipe.operating_points.Nodule.logit", "recipe.operating_points.Effusion.logit", "recipe.novelty.rule",
            "recipe.operating_points.Nodule.rule", "recipe.operating_points.Effusion.rule", "recipe.novelty.threshold",
            "artifacts.tolerance.logits_abs", "artifacts.tolerance.cam_abs", "artifacts.tolerance.novelty_rel",
            "artifacts.temperature.artifact", "verdicts.figures.auc.too_few", "files.bytes", "files.path", "verdicts",
            "files",
        )
        val known = accepted.filter { it in free || notLookedInto.any { n -> it == n || it.startsWith("$n.") } }
        assertEquals(emptySet<String>(), accepted - known.toSet())
        assertTrue("kind" !in accepted && "recipe.licence" in accepted)
    }

    @Test
    fun keysAreExact() {
        for (place in places(SmallBundle().list().manifest)) {
            val key = place.last() as? String ?: continue
            val path = place.filterIsInstance<String>().joinToString(".")
            if (notLookedInto.any { path.startsWith("$it.") } || path.startsWith("verdicts")) continue
            val lacking = SmallBundle().list()
            (at(lacking.manifest, place.dropLast(1)) as MutableMap<*, *>).remove(key)
            val optional = setOf("recipe.input.channels", "id")
            if (path !in optional) {
                val code = if (path == "manifest") "MANIFEST-VERSION" else "MANIFEST-SCHEMA"
                val refusal = refused(code) { read(lacking) }
                assertTrue(path == "manifest" || key in refusal.reason, "$path: ${refusal.reason}")
            }
            if (path == "recipe.data.source") continue // the rest of the record is not looked into
            val extra = SmallBundle().list()
            @Suppress("UNCHECKED_CAST")
            (at(extra.manifest, place.dropLast(1)) as MutableMap<String, Any?>)["${key}_more"] = 1
            assertTrue("${key}_more" in refused("MANIFEST-SCHEMA") { read(extra) }.reason)
        }
    }

    @Test
    fun valuesMustFitTogether() {
        val edits = listOf<Pair<List<Any>, Any?>>(
            listOf("recipe", "name") to "Small", listOf("recipe", "version") to "2.1", listOf("recipe", "recipe") to 2,
            listOf("recipe", "labels", "names") to listOf("Effusion", "Effusion"),
            listOf("recipe", "labels", "names") to listOf("Effusion"),
            listOf("recipe", "labels", "names") to listOf("Effusion", "Nodule", "Mass"),
            listOf("recipe", "labels", "kind") to "both",
            listOf("recipe", "operating_points", "Nodule", "logit") to 1e39,
            listOf("recipe", "novelty", "threshold") to 0,
            listOf("recipe", "input", "channels") to 2, listOf("recipe", "input", "height") to 17,
            listOf("recipe", "input", "height") to 15,
            listOf("recipe", "input", "width") to 1025, listOf("recipe", "input", "pad_value") to 256,
            listOf("recipe", "input", "spec") to 2,
            listOf("recipe", "input", "fit") to "stretch", listOf("recipe", "input", "no_window") to "none",
            listOf("recipe", "data", "source") to "cloud", listOf("primary") to "onnx/w8",
            listOf("selftest") to "selftest/other.json",
            listOf("selftest") to "../selftest.json", listOf("kind") to "desktop",
            listOf("artifacts") to emptyList<Any>(),
            listOf("artifacts", 0, "path") to "artifacts/onnx/other.onnx",
            listOf("artifacts", 0, "artifact", "name") to "tflite/fp32",
            listOf("artifacts", 0, "artifact", "target") to "tensorrt",
            listOf("artifacts", 0, "artifact", "scheme") to "w4",
            listOf("artifacts", 0, "inputs", 0, "layout") to "NHWC",
            listOf("artifacts", 0, "inputs", 0, "layout") to "CHW",
            listOf("artifacts", 0, "inputs", 0, "shape") to listOf(1, 1, 16, 24),
            listOf("artifacts", 0, "inputs", 0, "dtype") to "uint8",
            listOf("artifacts", 0, "inputs", 0, "name") to "input",
            listOf("artifacts", 0, "outputs", 1, "layout") to "NHWC",
            listOf("artifacts", 0, "outputs", 1, "shape") to listOf(1, 3, 2, 3),
            listOf("artifacts", 0, "outputs", 1, "shape") to listOf(1, 2, 0, 3),
            listOf("artifacts", 0, "outputs", 1, "shape") to listOf(1, 2, 6),
            listOf("artifacts", 0, "outputs", 0, "shape") to listOf(1, 3),
            listOf("artifacts", 0, "outputs", 2, "shape") to listOf(1, 1),
            listOf("artifacts", 0, "outputs", 0, "index") to 1,
            listOf("artifacts", 0, "outputs", 0, "name") to "cam",
            listOf("artifacts", 0, "tolerance", "cam_abs") to -1e-9,
            listOf("artifacts", 0, "temperature", "artifact") to 0,
            listOf("verdicts", 0, "figures", "labels_too_few") to mapOf("Other" to "few"),
            listOf("files", 0, "path") to "../x", listOf("files", 0, "bytes") to -1,
            listOf("files", 0, "sha256") to "0",
        )
        for ((place, value) in edits) {
            val small = SmallBundle().list()
            put(small.manifest, place, value)
            refused("MANIFEST-SCHEMA") { read(small) }
        }
        val twice = SmallBundle().list()
        @Suppress("UNCHECKED_CAST")
        twice.manifest["files"] = (twice.manifest["files"] as List<Any?>).let { it + it[0] }
        refused("MANIFEST-SCHEMA") { read(twice) }
        val other = SmallBundle().list()
        put(other.manifest, listOf("artifacts", 0, "artifact", "sha256"), "0".repeat(64))
        refused("BUNDLE-HASH") { read(other) }
    }

    @Test
    fun theIdIsOverEverythingElse() {
        val text = SmallBundle().list().sealed().decodeToString()
        ManifestReader.read(text.toByteArray())
        val changes = listOf(
            text.replace("\"by hand\"", "\"by head\""), text.replace("small-2.1.0-", "other-2.1.0-"),
            text.replace("    ", "   "),
            text.replace("\n  \"id\": ", "\n  \"id\":"), text + "\n",
        )
        for (changed in changes) refused("MANIFEST-ID") { ManifestReader.read(changed.toByteArray()) }
    }

    @Test
    fun saysWhereFiguresRestOnTooFewPatients() {
        fun tooFew(vararg verdicts: Any): Map<String, String> {
            val small = SmallBundle().list()
            small.manifest["verdicts"] = verdicts.toList()
            return read(small).artifact("onnx/fp32").tooFew
        }
        val few = mapOf("Nodule" to "3 positive patients, 10 are needed")
        val other = tooFew(SmallBundle.verdict("onnx/fp32"), SmallBundle.verdict("tflite/fp32", few))
        assertEquals(emptyMap<String, String>(), other)
        assertEquals(few, tooFew(SmallBundle.verdict("tflite/fp32"), SmallBundle.verdict("onnx/fp32", few)))
        assertTrue("no verdict" in tooFew().getValue("Effusion"))
    }

    /** Every place below [node], as keys and indices. */
    private fun places(node: Any?, at: List<Any> = emptyList()): List<List<Any>> = when (node) {
        is Map<*, *> -> node.flatMap { (key, value) -> listOf(at + (key as String)) + places(value, at + key) }
        is List<*> -> node.flatMapIndexed { i, value -> listOf(at + i) + places(value, at + i) }
        else -> emptyList()
    }

    private fun at(root: Any?, place: List<Any>): Any? = place.fold(root) { node, step ->
        if (step is Int) (node as List<*>)[step] else (node as Map<*, *>)[step]
    }

    @Suppress("UNCHECKED_CAST")
    private fun put(root: Any?, place: List<Any>, value: Any?) {
        val node = at(root, place.dropLast(1))
        val step = place.last()
        if (step is Int) {
            (node as MutableList<Any?>)[step] = value
        } else {
            (node as MutableMap<String, Any?>)[step as String] = value
        }
    }
}
