package org.cxredge.core.bundle

import org.cxredge.core.Fixtures
import org.cxredge.core.Place
import org.cxredge.core.Refusal
import org.cxredge.core.at
import org.cxredge.core.film.Fit
import org.cxredge.core.film.InputSpec
import org.cxredge.core.film.NoWindow
import org.cxredge.core.keys
import org.cxredge.core.places
import org.cxredge.core.put
import org.cxredge.core.refused
import org.cxredge.core.remove
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ManifestReaderTest {
    private fun read(small: SmallBundle): ModelManifest = ManifestReader.read(small.sealed()).manifest

    private fun changed(place: Place, value: Any?): SmallBundle =
        SmallBundle().list().apply { manifest.put(place, value) }

    @Test
    fun readsWhatAnAppNeeds() {
        val manifest = read(SmallBundle().list())
        val model = manifest.model
        assertEquals("small 2.1.0 Apache-2.0 android", model.run { "$name $version $licence ${manifest.kind}" })
        assertTrue(manifest.id.startsWith("small-2.1.0-"))
        assertEquals(listOf("Effusion", "Lung_nodule"), model.labels.map { it.name })
        assertEquals(listOf(-1f, 0.1f), (model.rule as MultiLabel).operatingPoints.toList())
        assertEquals(InputSpec(3, 16, 24, Fit.PAD, 7, NoWindow.MIN_MAX), model.input)
        assertEquals(HeatmapKind.EXACT, model.heatmap)
        assertEquals(2.7994, model.noveltyThreshold)
        val quality = model.quality.map { it.accident to it.threshold }
        assertEquals(listOf(Accident.TURNED to 0.7, Accident.INVERTED to -1.5), quality)
        assertEquals(true to "phantom", model.learntFrom.run { phantoms to data })
        assertEquals(listOf("onnx/fp32", "tflite/fp32"), manifest.artifacts.map { it.name })
        assertEquals("selftest/selftest.json", manifest.selfTest)
        refused("BUNDLE-ARTIFACT") { manifest.artifact("tflite/w8") }
    }

    @Test
    fun readsTheKindsOfFilmsThatAModelTakes() {
        val input = listOf("model", "input")
        val small = SmallBundle().list().apply {
            manifest.put(input + "modalities", listOf("DX", "CR"))
            manifest.put(input + "views", List(32) { "V_ $it" })
        }
        val spec = read(small).model.input
        assertEquals(listOf("DX", "CR"), spec.modalities)
        assertEquals(emptyList<String>(), spec.bodyParts)
        assertEquals(List(32) { "V_ $it" }, spec.views)
        val long = "A".repeat(16)
        assertEquals(listOf(long), read(changed(input + "body_parts", listOf(long))).model.input.bodyParts)
        assertEquals(emptyList<String>(), read(SmallBundle().list()).model.input.run { modalities + bodyParts + views })
    }

    @Test
    fun readsHowAnArtifactIsFedAndRead() {
        val manifest = read(SmallBundle().list())
        for ((name, layout) in listOf("onnx/fp32" to "NCHW", "tflite/fp32" to "NHWC")) {
            val artifact = manifest.artifact(name)
            assertEquals(layout, artifact.layout)
            assertEquals(name.substringBefore('/'), artifact.target)
            assertEquals(CamShape(2, 2, 3), artifact.cam)
            assertEquals(Output.entries, artifact.outputs.map { it.output })
            assertEquals(listOf(2, 12, 1, 2), artifact.outputs.map { it.size })
            assertEquals(listOf(0.25, 1.0, 0.5, 0.125), Output.entries.map { artifact.tolerance[it] })
            assertEquals(2.0, artifact.temperature)
            assertEquals(emptyMap<String, String>(), artifact.tooFew)
        }
        assertEquals(500L, manifest.artifact("tflite/fp32").bytes)
        val few = mapOf("Lung_nodule" to "3 positive patients, 10 are needed")
        assertEquals(few, read(changed(listOf("artifacts", 0, "too_few"), few)).artifact("onnx/fp32").tooFew)
    }

    @Test
    fun readsModelsThatExcludeOrGiveLess() {
        val single = read(SmallBundle().list().single()).model
        assertEquals(1.5f, (single.rule as SingleLabel).leastMargin)
        assertEquals(0f, (read(SmallBundle().list().single(0)).model.rule as SingleLabel).leastMargin)
        val bare = read(SmallBundle().list().bare())
        assertEquals(HeatmapKind.NONE, bare.model.heatmap)
        assertEquals(null to emptyList<QualityRule>(), bare.model.run { noveltyThreshold to quality })
        for (artifact in bare.artifacts) {
            assertEquals(null, artifact.cam)
            assertEquals(listOf(Output.LOGITS), artifact.outputs.map { it.output })
        }
        assertEquals(HeatmapKind.GRADIENT, read(changed(listOf("model", "heatmap"), "gradient")).model.heatmap)
        val films = mapOf("kind" to "films", "data" to "two hospitals")
        assertFalse(read(changed(listOf("model", "learnt_from"), films)).model.learntFrom.phantoms)
        // what a runtime is called is no matter of the manifest
        val other = changed(listOf("artifacts", 0, "name"), "cuda/w4")
        assertEquals("cuda", read(other).artifact("cuda/w4").target)
    }

    @Test
    fun readsWhatTheToolchainWrote() {
        val manifest = Fixtures.open().manifest
        assertEquals("phantom-1.0.0", manifest.id.substringBeforeLast('-'))
        val labels = listOf("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax")
        assertEquals(labels, manifest.model.labels.map { it.name })
        assertEquals(emptyMap<String, String>(), manifest.artifact("onnx/w8a8").tooFew)
        assertTrue(manifest.model.learntFrom.phantoms)
    }

    @Test
    fun otherSchemaVersionsAreRefusedWithWhatHelps() {
        for ((version, fix) in listOf(1 to "build it again", 0 to "build it again", -1 to "build it again",
            3 to "newer app", 99 to "newer app")) {
            val small = changed(listOf("manifest"), version)
            small.manifest["more"] = 1 // what another version looks like is not known
            assertTrue(fix in refused("MANIFEST-VERSION") { read(small) }.fix)
        }
        // as version 1 began; nothing else of it is looked at
        val first = "{\n  \"artifacts\": [],\n  \"manifest\": 1,\n  \"recipe\": {}\n}\n"
        assertTrue("build it again" in refused("MANIFEST-VERSION") { ManifestReader.read(first.toByteArray()) }.fix)
        val none = listOf("[]", "{}", "{\"manifest\":\"2\"}", "{\"manifest\":2.0}", "2", "{\"manifest\":true}")
        for (text in none) refused("MANIFEST-VERSION") { ManifestReader.read(text.toByteArray()) }
    }

    @Test
    fun everyFieldOfEveryTypeIsReadOrRefused() {
        val wrong = listOf(
            null, true, -1.5, -1, Long.MAX_VALUE, 1e300, "", "\u0000", "x".repeat(11_000), "\u202etxt", listOf<Any>(),
            listOf(1), mapOf<String, Any>(), mapOf("kind" to "x"),
        )
        val accepted = sortedSetOf<String>()
        val places = places(SmallBundle().list().manifest)
        for (place in places) {
            for (value in wrong) {
                val small = SmallBundle().list()
                if (small.manifest.at(place) == value) continue
                small.manifest.put(place, value)
                try {
                    read(small)
                    accepted.add("${place.keys()} ${value.toString().take(20)}")
                } catch (refusal: Refusal) {
                    val expected = setOf("MANIFEST-SCHEMA", "MANIFEST-VERSION", "MANIFEST-ID", "BUNDLE-HASH")
                    assertTrue(refusal.code in expected, refusal.code)
                }
            }
        }
        assertTrue(places.size > 100)
        println("${places.size * wrong.size} changed manifests, ${accepted.size} of them good")
        // every number and text that has no business here is refused; what is left has it
        val points = "model.decision.operating_points"
        val good = sortedSetOf(
            "id -1", // sealed anew: the id that stands in the file is written over
            "files.bytes ${Long.MAX_VALUE}", 
            "$points.Effusion -1.5", "$points.Effusion ${Long.MAX_VALUE}", "$points.Lung_nodule -1.5",
            "$points.Lung_nodule -1", "$points.Lung_nodule ${Long.MAX_VALUE}",
            "model.novelty.threshold ${Long.MAX_VALUE}", "model.quality.threshold -1.5", "model.quality.threshold -1",
            "model.quality.threshold ${Long.MAX_VALUE}",
            "artifacts.temperature ${Long.MAX_VALUE}", "artifacts.temperature 1.0E300",
        ) + listOf("logits_abs", "cam_abs", "novelty_rel", "quality_abs").flatMap {
            listOf("artifacts.tolerance.$it ${Long.MAX_VALUE}", "artifacts.tolerance.$it 1.0E300")
        }
        assertEquals(emptySet<String>(), accepted.filter { !it.startsWith("id ") }.toSet() - good)
    }

    @Test
    fun keysAreExact() {
        for (place in places(SmallBundle().list().manifest)) {
            val key = place.last() as? String ?: continue
            if (place == listOf("id")) continue // written by the seal
            // without a reason a label has enough patients
            val lacking = SmallBundle().list().apply { manifest.remove(place) }
            val code = if (key == "manifest") "MANIFEST-VERSION" else "MANIFEST-SCHEMA"
            val refusal = refused(code) { read(lacking) }
            val display = "display" in place.dropLast(1)
            assertTrue(key == "manifest" || display || key in refusal.reason, "${place.keys()}: ${refusal.reason}")
            val extra = SmallBundle().list().apply { manifest.put(place.dropLast(1) + "${key}_more", 1) }
            val reason = refused("MANIFEST-SCHEMA") { read(extra) }.reason
            assertTrue(display || "${key}_more" in reason, reason)
        }
    }

    @Test
    fun valuesMustFitTogether() {
        val labels = listOf("model", "labels")
        val decision = listOf("model", "decision")
        val input = listOf("model", "input")
        fun output(i: Int, key: String): Place = listOf("artifacts", 0, "outputs", i, key)
        fun single(margin: Any?) = mapOf("kind" to "single-label", "least_margin" to margin)
        fun accident(kind: String) = mapOf("kind" to kind, "threshold" to 0)
        val edits = listOf<Pair<Place, Any?>>(
            listOf("model", "name") to "Small", listOf("model", "name") to "s".repeat(11_000),
            listOf("model", "version") to "2.1", listOf("model", "licence") to "a\u0007b",
            listOf("model", "licence") to "\u2066a", listOf("model", "licence") to "l".repeat(201),
            labels + 1 + "name" to "Effusion", labels + 1 + "name" to "Nodule", labels + 0 + "name" to "Effusion\n",
            labels + 0 + "display" to mapOf("en" to "Effusion"), labels + 0 + "display" to mapOf<String, Any>(),
            labels + 0 + "display" to mapOf("en" to "Effusion", "de" to "Erguss"),
            labels + 0 + "display" + "fr" to "", labels + 0 + "display" + "fr" to "é".repeat(81),
            labels + 0 + "display" + "fr" to "a\u2028b", labels + 0 + "display" + "fr" to "a\u009fb",
            labels to listOf(mapOf("name" to "Effusion", "display" to mapOf<String, Any>())),
            decision + "kind" to "ordinal", decision to single(1), // the labels are two: good but for the next ones
            decision to single(-1e-9), decision to single("1"), decision to single(1e39), decision to single(null),
            decision + "operating_points" to mapOf("Effusion" to 0),
            decision + "operating_points" to mapOf("Effusion" to 0, "Lung_nodule" to 0, "Mass" to 0),
            decision + "operating_points" + "Effusion" to 3.4028235e38 * 1.1,
            listOf("model", "novelty", "threshold") to 0, listOf("model", "novelty") to null,
            listOf("model", "quality") to null, listOf("model", "quality") to emptyList<Any>(),
            listOf("model", "quality") to listOf(accident("turned")),
            listOf("model", "quality") to listOf(accident("turned"), accident("turned")),
            listOf("model", "quality") to listOf(accident("turned"), accident("blurred")),
            listOf("model", "heatmap") to "none", listOf("model", "heatmap") to "guess",
            listOf("model", "learnt_from", "kind") to "cloud", listOf("model", "learnt_from", "data") to "d".repeat(81),
            input + "spec" to 2, input + "channels" to 2, input + "channels" to 1, input + "height" to 17,
            input + "height" to 15, input + "width" to 1025, input + "pad_value" to 256, input + "fit" to "stretch",
            input + "no_window" to "none",
            *listOf("modalities", "body_parts", "views").flatMap { key ->
                WRONG_CODES.map { (input + key) to it }
            }.toTypedArray(),
            listOf("primary") to "onnx/w8", listOf("kind") to "desktop",
            listOf("selftest") to "selftest/other.json", listOf("selftest") to "../selftest.json",
            listOf("artifacts") to emptyList<Any>(), listOf("artifacts", 0, "name") to "tflite/fp32",
            listOf("artifacts", 0, "name") to "onnx", listOf("artifacts", 0, "name") to "onnx/a/b",
            listOf("artifacts", 0, "name") to "onnx/w8_a8", listOf("artifacts", 0, "name") to "o".repeat(21) + "/fp32",
            listOf("artifacts", 0, "path") to "artifacts/onnx/other.onnx",
            listOf("artifacts", 0, "inputs", 0, "layout") to "NHWC",
            listOf("artifacts", 0, "inputs", 0, "layout") to "CHW",
            listOf("artifacts", 0, "inputs", 0, "shape") to listOf(1, 1, 16, 24),
            listOf("artifacts", 0, "inputs", 0, "dtype") to "uint8",
            listOf("artifacts", 0, "inputs", 0, "name") to "input",
            output(0, "index") to 1, output(0, "name") to "cam", output(0, "shape") to listOf(1, 3),
            output(0, "layout") to "N", output(1, "layout") to "NHWC", output(1, "shape") to listOf(1, 3, 2, 3),
            output(1, "shape") to listOf(1, 2, 0, 3), output(1, "shape") to listOf(1, 2, 6),
            output(1, "shape") to listOf(1, 2, 65_536, 65_536), output(2, "shape") to listOf(1, 1),
            output(3, "shape") to listOf(1, 4), output(3, "layout") to "NC", output(3, "name") to "novelty",
            listOf("artifacts", 0, "tolerance", "cam_abs") to -1e-9,
            listOf("artifacts", 0, "tolerance", "quality_abs") to null, listOf("artifacts", 0, "temperature") to 0,
            listOf("artifacts", 0, "too_few") to mapOf("Other" to "few"),
            listOf("artifacts", 0, "too_few") to mapOf("Effusion" to "few\nfewer"),
            listOf("files", 0, "path") to "../x", listOf("files", 0, "path") to "a".repeat(201),
            listOf("files", 0, "path") to "z", listOf("files", 0, "bytes") to -1, listOf("files", 0, "sha256") to "0",
        )
        val good = decision to single(1)
        read(changed(good.first, good.second))
        for ((place, value) in edits - good) refused("MANIFEST-SCHEMA") { read(changed(place, value)) }
        val bareWithMap = SmallBundle().list().bare().apply { model["heatmap"] = "gradient" }
        refused("MANIFEST-SCHEMA") { read(bareWithMap) }
        val alone = SmallBundle().list().single().apply { (model["labels"] as MutableList<*>).removeLast() }
        assertTrue("excludes nothing" in refused("MANIFEST-SCHEMA") { read(alone) }.reason)
        val twice = SmallBundle().list().apply { (manifest["files"] as MutableList<Any?>).let { it.add(it.last()) } }
        refused("MANIFEST-SCHEMA") { read(twice) }
        refused("BUNDLE-HASH") { read(changed(listOf("artifacts", 0, "sha256"), "0".repeat(64))) }
    }

    @Test
    fun peopleCanTellOneLabelFromAnother() {
        fun shown(label: Int, language: String, text: String, small: SmallBundle = SmallBundle().list()) =
            small.apply { manifest.put(listOf("model", "labels", label, "display", language), text) }
        fun refusal(small: SmallBundle): String = refused("MANIFEST-SCHEMA") { read(small) }.reason
        for (text in listOf("Pleural effusion", "Nodule ", " Nodule", " ", "\u3000", "\u00a0Nodule", "Nodule\u2003")) {
            val reason = refusal(shown(1, "en", text))
            assertTrue(("language en" in reason) == (text == "Pleural effusion"), reason)
            assertTrue(("display.en: it begins or ends" in reason) == (text != "Pleural effusion"), reason)
        }
        // of another language, of other case, and with a space within
        for (text in listOf("Épanchement pleural", "pleural effusion", "Lung\u00a0nodule")) {
            assertEquals(text, read(shown(1, "en", text)).model.labels[1].shown(listOf("en")))
        }
        for (text in listOf("uncertain", "Uncertain", "UNCERTAIN")) {
            for (language in listOf("en", "fr")) {
                assertTrue("called uncertain" in refusal(shown(0, language, text, SmallBundle().list().single())))
                read(shown(0, language, text)) // findings have no such answer
            }
            val named = SmallBundle().deciding(listOf("clear", text), SINGLE).list()
            assertTrue("called uncertain" in refusal(named))
        }
        for (text in listOf("uncertain_", "incertain", "uncerta\u0131n", "uncerta\u0130n")) {
            read(shown(0, "en", text, SmallBundle().list().single()))
        }
        read(SmallBundle().deciding(listOf("clear", "uncertainty"), SINGLE).list())
    }

    /** Python reads no other spelling (cxredge.bundle.manifest). */
    @Test
    fun aManifestIsWrittenAsABuildWritesIt() {
        val text = SmallBundle().list().sealed().decodeToString()
        // with the id that fits
        fun sealed(changed: String): ByteArray {
            val emptied = changed.replace(Regex("(\n  \"id\": \")[^\"]*"), "$1")
            val id = "small-2.1.0-${Sha256.of(emptied.toByteArray()).take(12)}"
            return emptied.replace("\n  \"id\": \"", "\n  \"id\": \"$id").toByteArray()
        }
        assertEquals(text, sealed(text).decodeToString())
        val changes = listOf(
            text + "\n", text.dropLast(1), " $text", text.replace("\n}\n", "\r\n}\n"), text.replace("    ", "   "),
            text.replace("      \"spec\": 1", "\t\"spec\": 1"), text.replace(",\n            3,", ", 3,"),
            text.replace("\"kind\": ", "\"kind\":"), text.replace("\"primary\": ", "\"primary\" : "),
            text.replace("\"too_few\": {}", "\"too_few\": {\n      }"), text.replace("onnx/fp32", "onnx\\/fp32"),
            text.replace("Épanchement", "\\u00c9panchement"), text.replace("\"Nodule\"", "\"\\u004eodule\""),
            // keys in another order, above and below
            text.replace("  \"kind\": \"android\",\n", "").replace("  \"id\"", "  \"kind\": \"android\",\n  \"id\""),
            text.replace("\"en\": \"Nodule\",\n", "\"fr\": \"Nodule pulmonaire\",\n")
                .replace("\"fr\": \"Nodule pulmonaire\"\n", "\"en\": \"Nodule\"\n"),
        )
        for (changed in changes) {
            assertTrue(changed != text, changed)
            val reason = refused("MANIFEST-SCHEMA") { ManifestReader.read(sealed(changed)) }.reason
            assertEquals("manifest.json: it is not written as a build writes it", reason)
        }
        val good = mapOf(
            ": 2.7994\n" to ": 27994e-04\n", "Apache-2.0" to "\\\"a\\\\b\\\"", "\"Nodule\"" to "\"1.0, \ud83e\udec1\"",
        )
        for ((was, now) in good) {
            assertTrue(was in text)
            ManifestReader.read(sealed(text.replace(was, now)))
        }
    }

    @Test
    fun whatIsNoJsonIsRefusedAsSuch() {
        val text = SmallBundle().list().single().sealed().decodeToString()
        val bad = listOf("NaN", "Infinity", "-Infinity", "1e999", "0x1", "1.", "'1'").map {
            text.replace("\"least_margin\": 1.5", "\"least_margin\": $it")
        } + listOf(
            text.replace("\"kind\": \"android\"", "\"kind\": \"android\", \"kind\": \"android\""),
            text.replace("Apache-2.0", "\\ud800"), text.replace("Apache-2.0", "\\x41"), text.dropLast(3), "",
        )
        for (changed in bad) {
            assertTrue(changed != text)
            refused("MANIFEST-SYNTAX") { ManifestReader.read(changed.toByteArray()) }
        }
        refused("MANIFEST-SYNTAX") { ManifestReader.read(ByteArray(1_000_001) { ' '.code.toByte() }) }
    }

    @Test
    fun theIdIsOverEverythingElse() {
        val text = SmallBundle().list().sealed().decodeToString()
        ManifestReader.read(text.toByteArray())
        val changes = listOf(
            text.replace("\"turned\"", "\"mirrored\""), text.replace("small-2.1.0-", "other-2.1.0-"),
            text.replace("    ", "   "), text.replace("\n  \"id\": ", "\n  \"id\":"), text + "\n",
        )
        for (changed in changes) refused("MANIFEST-ID") { ManifestReader.read(changed.toByteArray()) }
    }

    private companion object {
        val SINGLE = mapOf("kind" to "single-label", "least_margin" to 1)
        val WRONG_CODES = listOf(
            null, emptyList<String>(), "CR", listOf("CR", "CR"), listOf("cr"), listOf("CR "), listOf(" CR"),
            listOf("CR\n"), listOf(""), listOf("C".repeat(17)), listOf(1), List(33) { "C$it" }, listOf(null),
        )
    }
}
