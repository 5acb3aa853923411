package org.cxredge.core.decision

import org.cxredge.core.bundle.LabelsKind
import org.cxredge.core.bundle.ModelManifest
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.model.Outputs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class DecisionTest {
    private fun manifest(edit: (SmallBundle) -> Unit = {}): ModelManifest =
        SmallBundle().list().also(edit).open().manifest

    private fun decide(manifest: ModelManifest, effusion: Float, nodule: Float, novelty: Float = 0f): Decision {
        val artifact = manifest.artifact("onnx/fp32")
        val outputs = Outputs(floatArrayOf(effusion, nodule), FloatArray(12), artifact.cam, novelty)
        return Decision.of(manifest, artifact, outputs)
    }

    @Test
    fun positiveIsAtOrAboveTheOperatingPointInFloat32() {
        val manifest = manifest() // -1 and 0.1, which float32 has as 0.100000001490116
        val at = decide(manifest, -1f, 0.1f)
        assertEquals(listOf(true, true), at.findings.map { it.positive })
        assertEquals(listOf(0.0, 0.0), at.findings.map { it.margin })
        val below = decide(manifest, Math.nextDown(-1f), Math.nextDown(0.1f))
        assertEquals(listOf(false, false), below.findings.map { it.positive })
        assertTrue(below.findings.all { it.margin < 0 })
        // 0.1 in float64 lies below the float32 operating point and above the float32 value before it
        assertTrue(Math.nextDown(0.1f) < 0.1)
        assertEquals(listOf("Effusion", "Nodule"), at.findings.map { it.label })
        assertEquals(0.1f, at.findings[1].operatingPoint)
        assertNull(at.findings[0].tooFew)
    }

    @Test
    fun noveltyIsComparedInFloat64() {
        val manifest = manifest() // 2.7994, which float32 has as 2.79940009117126: above it
        assertTrue(decide(manifest, 0f, 0f, 2.7994f).unlikeTrainingFilms)
        assertFalse(decide(manifest, 0f, 0f, Math.nextDown(2.7994f)).unlikeTrainingFilms)
        val half = manifest { it.recipe["novelty"] = mapOf("threshold" to 2.5, "rule" to "") }
        assertFalse(decide(half, 0f, 0f, 2.5f).unlikeTrainingFilms)
    }

    @Test
    fun probabilitiesAreSigmoidsAtTheTemperature() {
        val probabilities = decide(manifest(), 1f, -3f).findings.map { it.probability }
        assertEquals(0.6224593312018546, probabilities[0], 1e-15) // scipy.special.expit(0.5)
        assertEquals(0.18242552380635635, probabilities[1], 1e-15) // scipy.special.expit(-1.5)
        assertEquals(listOf(1.0, 0.0), decide(manifest(), 3e38f, -3e38f).findings.map { it.probability })
    }

    @Test
    fun probabilitiesOfLabelsThatExcludeEachOtherAreASoftmax() {
        val labels = mapOf("names" to listOf("Effusion", "Nodule"), "kind" to "single-label")
        val single = manifest { it.recipe["labels"] = labels }
        assertEquals(LabelsKind.SINGLE_LABEL, single.labelsKind)
        val probabilities = decide(single, 1f, -3f).findings.map { it.probability }
        assertEquals(0.8807970779778824, probabilities[0], 1e-15) // scipy.special.softmax([0.5, -1.5])
        assertEquals(0.11920292202211756, probabilities[1], 1e-15)
        assertEquals(listOf(1.0, 0.0), decide(single, 3e38f, -3e38f).findings.map { it.probability })
    }

    @Test
    fun saysWhereTheEvidenceIsTooThin() {
        val few = mapOf("Nodule" to "3 positive patients, 10 are needed")
        val manifest = manifest { it.manifest["verdicts"] = listOf(SmallBundle.verdict("onnx/fp32", few)) }
        assertEquals(listOf(null, few["Nodule"]), decide(manifest, 0f, 0f).findings.map { it.tooFew })
    }
}
