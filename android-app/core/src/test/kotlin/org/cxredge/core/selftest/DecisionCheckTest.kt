package org.cxredge.core.selftest

import org.cxredge.core.bundle.ModelManifest
import org.cxredge.core.bundle.SingleLabel
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.decision.ClassAnswer
import org.cxredge.core.decision.ClassScore
import org.cxredge.core.decision.Decision
import org.cxredge.core.decision.Findings
import org.cxredge.core.decision.Novelty
import org.cxredge.core.decision.Suspicion
import org.cxredge.core.model.Outputs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Rules that are right pass at every edge; rules that are nearly right do not. */
class DecisionCheckTest {
    private fun classes(count: Int, leastMargin: Any = 1.5): ModelManifest {
        val rule = mapOf("kind" to "single-label", "least_margin" to leastMargin)
        return SmallBundle().deciding(List(count) { "Class_$it" }, rule).list().open().manifest
    }

    private fun right(manifest: ModelManifest): (Outputs) -> Decision =
        { Decision.of(manifest.model, manifest.artifacts.first(), it) }

    private fun verdict(
        manifest: ModelManifest,
        decide: (Outputs) -> Decision = right(manifest),
        checks: DecisionCheck.() -> Unit = DecisionCheck::edges,
    ): StageVerdict {
        val tally = Tally(Stage.DECISION)
        DecisionCheck(manifest.model, manifest.artifacts.first().tolerance, decide, tally).checks()
        return tally.verdict()
    }

    /** The right decision with another answer. */
    private fun answering(
        manifest: ModelManifest,
        answer: (ClassAnswer) -> ClassScore?,
    ): (Outputs) -> Decision = { outputs ->
        val right = right(manifest)(outputs) as ClassAnswer
        right.run { ClassAnswer(classes, answer(this), nearest, runnerUp, leastMargin, novelty, quality) }
    }

    @Test
    fun theRightRulePassesAtEveryEdge() {
        val manifests = listOf(0, 0.1, 0.25, 1.5, 7, 300).flatMap { margin ->
            listOf(2, 3, 5, 64).map { classes(it, margin) }
        } + listOf(SmallBundle(), SmallBundle().bare(), SmallBundle().bare().single()).map { it.list().open().manifest }
        for (manifest in manifests) {
            val verdict = verdict(manifest)
            assertEquals("", verdict.detail)
            assertTrue(verdict.checks >= 3 * manifest.model.labels.size)
        }
    }

    @Test
    fun aRuleForClassesThatIsNearlyRightIsNamed() {
        fun ClassAnswer.lead() = nearest.logit - runnerUp.logit
        val rules = mapOf<String, (ClassAnswer) -> ClassScore?>(
            "above the margin only" to { it.nearest.takeIf { _ -> it.nearest.logOdds > it.leastMargin } },
            "the runner-up alone" to { it.nearest.takeIf { _ -> it.lead() > 0 && it.lead() >= it.leastMargin } },
            "the raw logit" to { it.nearest.takeIf { _ -> it.lead() > 0 && it.nearest.logit >= it.leastMargin } },
            "the greatest" to { it.nearest },
            "the greatest alone" to { it.nearest.takeIf { _ -> it.lead() > 0 } },
            "more likely than not" to { it.nearest.takeIf { _ -> it.nearest.probability > 0.5 } },
            "never" to { null },
            "the runner-up" to { it.answer?.run { it.runnerUp } },
        )
        for ((name, rule) in rules) {
            for (manifest in listOf(classes(3), classes(5, 0.25))) {
                val verdict = verdict(manifest, answering(manifest, rule))
                assertFalse(verdict.passed, name)
                assertTrue("answer" in verdict.detail, verdict.detail)
            }
        }
        // of two classes the runner-up is all that there is
        for ((name, rule) in rules - "the runner-up alone") {
            assertFalse(verdict(classes(2), answering(classes(2), rule)).passed, name)
        }
        // without a margin a tie alone decides
        val tie: (ClassAnswer) -> ClassScore? = { it.nearest.takeIf { _ -> it.nearest.logOdds >= it.leastMargin } }
        assertFalse(verdict(classes(2, 0), answering(classes(2, 0), tie)).passed)
    }

    @Test
    fun whatElseIsSaidOfClassesIsHeldToTheRuleToo() {
        val manifest = classes(3)
        fun broken(change: (ClassAnswer) -> Decision) =
            verdict(manifest, { change(right(manifest)(it) as ClassAnswer) }).detail
        fun ClassAnswer.with(
            classes: List<ClassScore> = this.classes,
            nearest: ClassScore = this.nearest,
            runnerUp: ClassScore = this.runnerUp,
        ) = ClassAnswer(classes, answer, nearest, runnerUp, leastMargin, novelty, quality)
        assertTrue("labels" in broken { it.with(classes = it.classes.reversed()) })
        assertTrue("nearest" in broken { it.with(nearest = it.runnerUp) })
        assertTrue("runner-up" in broken { it.with(runnerUp = it.nearest) })
        val flat = { score: ClassScore -> score.run { ClassScore(label, logit, logit, probability, tooFew) } }
        assertTrue("log-odds" in broken { it.with(classes = it.classes.map(flat)) })
        assertTrue("labels" in broken { Findings(emptyList(), it.novelty, it.quality) })
    }

    @Test
    fun aMissedNoveltyOrAccidentIsNamed() {
        for (manifest in listOf(SmallBundle().list().open().manifest, SmallBundle().single().list().open().manifest)) {
            fun broken(novelty: (Novelty?) -> Novelty?, quality: (List<Suspicion>) -> List<Suspicion>) =
                verdict(manifest, { outputs ->
                    when (val said = right(manifest)(outputs)) {
                        is Findings -> Findings(said.findings, novelty(said.novelty), quality(said.quality))
                        is ClassAnswer -> said.run {
                            ClassAnswer(
                                classes, answer, nearest, runnerUp, leastMargin, novelty(this.novelty),
                                quality(this.quality),
                            )
                        }
                    }
                }).detail
            fun Suspicion.with(suspected: Boolean) = Suspicion(accident, logOdds, threshold, suspected)
            assertEquals("", broken({ it }, { it }))
            assertTrue("unlike" in broken({ null }, { it }))
            assertTrue("unlike" in broken({ it?.run { Novelty(score, threshold, false) } }, { it }))
            assertTrue("accidents" in broken({ it }, { emptyList() }))
            assertTrue("accidents" in broken({ it }, { it.reversed() }))
            assertTrue("INVERTED" in broken({ it }, { list -> list.map { it.with(false) } }))
            // 0.7 lies above the float32 that is nearest to it, and -1.5 is one
            val float32 = { one: Suspicion -> one.with(one.logOdds >= one.threshold.toFloat()) }
            assertTrue("TURNED" in broken({ it }, { list -> list.map(float32) }))
            assertTrue("INVERTED" in broken({ it }, { list -> list.map { it.with(it.logOdds > it.threshold) } }))
        }
    }

    @Test
    fun ownOutputsAreJudgedWhereTheToleranceLeavesNoDoubt() {
        val manifest = classes(3, 1.5) // logits may be 0.25 off, and log-odds twice that
        fun outputs(vararg logits: Float) = Outputs(logits, null, 0f, floatArrayOf(0f, 0f))
        fun judged(expected: Outputs, own: Outputs) = verdict(manifest) { own("case", expected, own) }
        // 2.1 and 1.9 above the others together, where 1.5 is the margin: an own answer of 1.4 is wrong, or may be
        assertTrue("answer" in judged(outputs(2.1f, 0f, -80f), outputs(1.4f, 0f, -80f)).detail)
        assertEquals("", judged(outputs(1.9f, 0f, -80f), outputs(1.4f, 0f, -80f)).detail)
        assertTrue("answer" in judged(outputs(0.9f, 0f, -80f), outputs(1.6f, 0f, -80f)).detail)
        assertEquals("", judged(outputs(1.1f, 0f, -80f), outputs(1.6f, 0f, -80f)).detail)
        assertTrue("nearest" in judged(outputs(0.6f, 0f, -80f), outputs(0f, 0.6f, -80f)).detail)
        assertEquals("", judged(outputs(0.4f, 0f, -80f), outputs(0f, 0.4f, -80f)).detail)
        assertTrue("runner-up" in judged(outputs(9f, 0.6f, 0f), outputs(9f, 0f, 0.6f)).detail)
        assertEquals("", judged(outputs(9f, 0.4f, 0f), outputs(9f, 0f, 0.4f)).detail)
    }

    @Test
    fun edgesStandOnTheMargin() {
        val rule = SingleLabel(1.5f)
        val odds = ClassCheck(listOf("a", "b", "c"), rule).edges().take(3).map { (_, logits) -> logits[0] }
        assertEquals(listOf(1.5f, Math.nextDown(1.5f), Math.nextUp(1.5f)), odds)
    }
}
