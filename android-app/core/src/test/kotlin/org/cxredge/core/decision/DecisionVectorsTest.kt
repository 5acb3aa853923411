package org.cxredge.core.decision

import org.cxredge.core.Fixtures
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.json.JsonNode
import org.cxredge.core.model.Outputs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Against tests/vectors/decisions.json, which Python and Swift read too: equal bit for bit. */
class DecisionVectorsTest {
    private val cases = Fixtures.vectors("decisions.json").record("cases")["cases"].elements(1..Int.MAX_VALUE)

    private fun logits(case: JsonNode): FloatArray =
        case["logits"].elements().map { exact(it) }.toFloatArray()

    /** The file's doubles are float32 values. */
    private fun exact(node: JsonNode): Float = node.float().also { assertEquals(node.number(), it.toDouble()) }

    /** What the core decides by a manifest with the case's labels and rule. */
    private fun decide(case: JsonNode): Decision {
        val labels = case["labels"].elements().map { it.text() }
        val rule = case["decision"].entries().mapValues { (key, node) ->
            when (key) {
                "kind" -> node.text()
                "least_margin" -> node.number()
                else -> node.entries().mapValues { (_, point) -> point.number() }
            }
        }
        val manifest = SmallBundle().bare().deciding(labels, rule).list().open().manifest
        return Decision.of(manifest.model, manifest.artifacts.first(), Outputs(logits(case)))
    }

    @Test
    fun findingsAreThoseOfTheHost() {
        val multi = cases.filter { it["decision"]["kind"].text() == "multi-label" }
        assertTrue(multi.isNotEmpty())
        for (case in multi) {
            case.record("name", "decision", "labels", "logits", "positive")
            val findings = (decide(case) as Findings).findings
            val expected = case["positive"].elements().map { it.flag() }
            assertEquals(expected, findings.map { it.positive }, case["name"].text())
        }
        println("${multi.size} films of independent findings decided as on the host")
    }

    @Test
    fun classesAreThoseOfTheHost() {
        val single = cases.filter { it["decision"]["kind"].text() == "single-label" }
        assertTrue(single.isNotEmpty())
        for (case in single) {
            case.record("name", "decision", "labels", "logits", "answer", "nearest", "runner_up", "log_odds")
            val own = decide(case) as ClassAnswer
            val name = case["name"].text()
            assertEquals(case["answer"].orNull { it.text() }, own.answer?.label?.name, name)
            assertEquals(case["nearest"].text(), own.nearest.label.name, name)
            assertEquals(case["runner_up"].text(), own.runnerUp.label.name, name)
            assertEquals(case["log_odds"].elements().map { exact(it) }, own.classes.map { it.logOdds }, name)
        }
        val uncertain = single.count { it["answer"].isNull }
        assertTrue(uncertain in 1 until single.size)
        println("${single.size} films of exclusive classes decided as on the host, $uncertain of them uncertain")
    }
}
