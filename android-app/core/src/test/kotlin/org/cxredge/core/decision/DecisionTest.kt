package org.cxredge.core.decision

import org.cxredge.core.bundle.Accident
import org.cxredge.core.bundle.ModelManifest
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.model.Outputs
import org.cxredge.core.put
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What tests/vectors/decisions.json does not hold: margins, probabilities, novelty and quality. */
class DecisionTest {
    private fun manifest(edit: (SmallBundle) -> Unit = {}): ModelManifest =
        SmallBundle().list().also(edit).open().manifest

    private fun outputs(effusion: Float, nodule: Float, novelty: Float = 0f, turned: Float = 0f, inverted: Float = 0f) =
        Outputs(floatArrayOf(effusion, nodule), null, novelty, floatArrayOf(turned, inverted))

    private fun decide(manifest: ModelManifest, outputs: Outputs): Decision =
        Decision.of(manifest.model, manifest.artifact("onnx/fp32"), outputs)

    private fun findings(manifest: ModelManifest, effusion: Float, nodule: Float): List<Finding> =
        (decide(manifest, outputs(effusion, nodule)) as Findings).findings

    private fun classes(effusion: Float, nodule: Float, leastMargin: Any = 1.5): ClassAnswer =
        decide(manifest { it.single(leastMargin) }, outputs(effusion, nodule)) as ClassAnswer

    @Test
    fun positiveIsAtOrAboveTheOperatingPointInFloat32() {
        val manifest = manifest() // -1 and 0.1, which float32 has as 0.100000001490116
        val at = findings(manifest, -1f, 0.1f)
        assertEquals(listOf(true, true), at.map { it.positive })
        assertEquals(listOf(0.0, 0.0), at.map { it.margin })
        val below = findings(manifest, Math.nextDown(-1f), Math.nextDown(0.1f))
        assertEquals(listOf(false, false), below.map { it.positive })
        assertTrue(below.all { it.margin < 0 })
        // 0.1 in float64 lies below the float32 operating point and above the float32 value before it
        assertTrue(Math.nextDown(0.1f) < 0.1)
        assertEquals(listOf("Effusion", "Lung_nodule"), at.map { it.label.name })
        assertEquals(0.1f, at[1].operatingPoint)
        assertNull(at[0].tooFew)
    }

    @Test
    fun theAnswerNeedsTheLeastMarginAndNoEqual() {
        val answer = classes(-3f, -1.5f)
        assertEquals("Lung_nodule", answer.answer?.label?.name)
        assertEquals(listOf(-1.5f, 1.5f), answer.classes.map { it.logOdds })
        assertEquals(1.5f, answer.leastMargin)
        val uncertain = classes(-3f, Math.nextDown(-1.5f))
        assertNull(uncertain.answer)
        assertEquals("Lung_nodule to Effusion", uncertain.run { "${nearest.label.name} to ${runnerUp.label.name}" })
        for (tie in listOf(classes(2f, 2f, 0), classes(-0f, 0f, 0), classes(0f, -0f, 0))) {
            assertNull(tie.answer)
            assertEquals("Effusion to Lung_nodule", tie.run { "${nearest.label.name} to ${runnerUp.label.name}" })
        }
        val least = classes(Float.MIN_VALUE, 0f, 0)
        assertEquals("Effusion", least.answer?.label?.name)
        val far = classes(3e38f, -3e38f)
        assertEquals(listOf(Float.MAX_VALUE, -Float.MAX_VALUE), far.classes.map { it.logOdds })
    }

    @Test
    fun noveltyIsComparedInFloat64() {
        fun unlike(manifest: ModelManifest, novelty: Float) =
            checkNotNull(decide(manifest, outputs(0f, 0f, novelty)).novelty).unlikeTrainingFilms
        val manifest = manifest() // 2.7994, which float32 has as 2.79940009117126: above it
        assertTrue(unlike(manifest, 2.7994f))
        assertFalse(unlike(manifest, Math.nextDown(2.7994f)))
        assertFalse(unlike(manifest { it.manifest.put(listOf("model", "novelty", "threshold"), 2.5) }, 2.5f))
    }

    @Test
    fun accidentsAreComparedInFloat64() {
        fun suspected(turned: Float, inverted: Float) =
            decide(manifest { it.single() }, outputs(0f, 0f, turned = turned, inverted = inverted)).quality
                .associate { it.accident to it.suspected }
        // 0.7, which float32 has as 0.699999988079071: below it; and -1.5, which it has as it is
        assertEquals(mapOf(Accident.TURNED to false, Accident.INVERTED to true), suspected(0.7f, -1.5f))
        val other = suspected(Math.nextUp(0.7f), Math.nextDown(-1.5f))
        assertEquals(mapOf(Accident.TURNED to true, Accident.INVERTED to false), other)
    }

    @Test
    fun whatTheModelDoesNotGiveIsNotSaid() {
        val bare = manifest { it.bare() }
        val decision = decide(bare, Outputs(floatArrayOf(0f, 0f)))
        assertNull(decision.novelty)
        assertEquals(emptyList<Suspicion>(), decision.quality)
        assertTrue(decision is Findings)
    }

    @Test
    fun probabilitiesAreSigmoidsAtTheTemperature() {
        val probabilities = findings(manifest(), 1f, -3f).map { it.probability }
        assertEquals(0.6224593312018546, probabilities[0], 1e-15) // scipy.special.expit(0.5)
        assertEquals(0.18242552380635635, probabilities[1], 1e-15) // scipy.special.expit(-1.5)
        assertEquals(listOf(1.0, 0.0), findings(manifest(), 3e38f, -3e38f).map { it.probability })
    }

    @Test
    fun probabilitiesOfLabelsThatExcludeEachOtherAreASoftmax() {
        val probabilities = classes(1f, -3f).classes.map { it.probability }
        assertEquals(0.8807970779778824, probabilities[0], 1e-15) // scipy.special.softmax([0.5, -1.5])
        assertEquals(0.11920292202211756, probabilities[1], 1e-15)
        assertEquals(listOf(1.0, 0.0), classes(3e38f, -3e38f).classes.map { it.probability })
    }

    @Test
    fun saysWhereTheEvidenceIsTooThin() {
        val few = mapOf("Lung_nodule" to "3 positive patients, 10 are needed")
        val edit = { small: SmallBundle -> small.manifest.put(listOf("artifacts", 0, "too_few"), few) }
        assertEquals(listOf(null, few["Lung_nodule"]), findings(manifest(edit), 0f, 0f).map { it.tooFew })
        val single = decide(manifest { edit(it.single()) }, outputs(0f, 0f)) as ClassAnswer
        assertEquals(listOf(null, few["Lung_nodule"]), single.classes.map { it.tooFew })
    }
}
