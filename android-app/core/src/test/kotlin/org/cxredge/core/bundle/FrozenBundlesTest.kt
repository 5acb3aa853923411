package org.cxredge.core.bundle

import org.cxredge.core.Fixtures
import org.cxredge.core.MemoryTree
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** tests/bundle/fixtures/v2, which Python reads too (tests/bundle/test_frozen_schema.py): read for ever. */
class FrozenBundlesTest {
    private val key = PinnedKey.parse("signer.pub", Fixtures.frozen.resolve("signer.pub").readText())

    private fun open(name: String): ModelBundle =
        ModelBundle.open(Folder(Fixtures.frozen.resolve(name)), Trust(listOf(key)))

    @Test
    fun independentFindingsAreRead() {
        val bundle = open("bundle")
        assertTrue(bundle.signedBy.development)
        val model = bundle.manifest.model
        assertEquals("fixture-1.0.0", "${model.name}-${model.version}")
        assertEquals(listOf("Pleural effusion", "Nodule"), model.labels.map { it.shown(listOf("en-GB")) })
        assertEquals(listOf("Épanchement pleural", "Nodule pulmonaire"), model.labels.map { it.shown(listOf("fr")) })
        assertEquals(listOf(0f, 0f), (model.rule as MultiLabel).operatingPoints.toList())
        assertTrue(model.learntFrom.phantoms)
        val artifact = bundle.manifest.artifact("tflite/w8a8")
        assertEquals(CamShape(2, 2, 2), artifact.cam)
        assertEquals(setOf("Effusion", "Nodule"), artifact.tooFew.keys)
        assertEquals(artifact.bytes, bundle.bytes(artifact.path).size.toLong())
    }

    @Test
    fun exclusiveClassesAreRead() {
        val model = open("classes").manifest.model
        assertEquals(0.25f, (model.rule as SingleLabel).leastMargin)
        assertEquals(listOf("clear", "enlarged heart", "fluid"), model.labels.map { it.shown(listOf("en")) })
        assertEquals(false to "drawn", model.learntFrom.run { phantoms to data })
        assertEquals(listOf("tflite/fp32"), open("classes").manifest.artifacts.map { it.name })
    }

    @Test
    fun aBundleOfVersion1IsToBeBuiltAgain() {
        val tree = MemoryTree.of(Fixtures.frozen.resolve("bundle"))
        val old = tree.files.getValue("manifest.json").decodeToString().replace("\"manifest\": 2", "\"manifest\": 1")
        val files = tree.files - "model.sig" + ("manifest.json" to old.toByteArray())
        val signed = MemoryTree(files + ("model.sig" to SmallBundle.SIGNER.sign(files)))
        val refusal = refused("MANIFEST-VERSION") {
            ModelBundle.open(signed, Trust(listOf(SmallBundle.SIGNER.pinned)))
        }
        assertTrue("build it again" in refusal.fix)
    }
}
