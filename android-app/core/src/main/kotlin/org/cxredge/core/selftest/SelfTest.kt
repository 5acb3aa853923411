package org.cxredge.core.selftest

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.Tolerance
import org.cxredge.core.decision.Decision
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.model.Classifier
import org.cxredge.core.model.Outputs
import kotlin.math.abs

/** What a part of the self-test judges. */
enum class Stage {
    /** From a picture's bytes to the model's pixels: byte for byte. */
    PREPROCESSING,

    /** From the expected pixels to logits, map and novelty: within the artifact's tolerance. */
    RUNTIME,

    /** From outputs to what is said of a film: exactly. */
    DECISION,
}

/**
 * What came out of one stage. [worst] and [allowed] have its unit: grey levels (0 allowed), share of the tolerance
 * (1 allowed), wrong decisions (0 allowed). [checks]: pictures, tensors, decisions.
 */
class StageVerdict(
    val stage: Stage,
    val passed: Boolean,
    val checks: Int,
    val worst: Double,
    val allowed: Double,
    /** The first failure, in English, naming case and tensor; empty when passed. */
    val detail: String,
)

/** All stages in their order, and how long they took. */
class SelfTestResult(val stages: List<StageVerdict>, val seconds: Double) {
    /** Whether there were stages, and all passed. */
    val passed: Boolean get() = stages.isNotEmpty() && stages.all { it.passed }
}

/**
 * Recomputes the bundle's known answers before anything else is shown.
 *
 * Each stage starts from what the bundle says that the stage before should give, so that a failure names the part that
 * is broken: a wrong preprocessor does not make the runtime fail, nor a wrong runtime the decisions.
 */
object SelfTest {
    /** What the bundle or the runtime does wrong is never thrown: it fails a stage. [progress]: cases done, of all. */
    fun run(
        bundle: ModelBundle,
        classifier: Classifier,
        preprocessor: Preprocessor,
        progress: (Int, Int) -> Unit = { _, _ -> },
    ): SelfTestResult {
        val start = System.nanoTime()
        val decide = { outputs: Outputs -> Decision.of(bundle.manifest, classifier.artifact, outputs) }
        val pictures = { film: ByteArray -> preprocessor.preprocess(film, bundle.manifest.input).pixels }
        val stages = stages(bundle, classifier, pictures, decide, progress)
        return SelfTestResult(stages, (System.nanoTime() - start) / 1e9)
    }

    /** The three stages, with the parts that they judge. */
    internal fun stages(
        bundle: ModelBundle,
        classifier: Classifier,
        preprocess: (ByteArray) -> ByteArray,
        decide: (Outputs) -> Decision,
        progress: (Int, Int) -> Unit,
    ): List<StageVerdict> {
        val preprocessing = Tally(Stage.PREPROCESSING, allowed = 0.0)
        val runtime = Tally(Stage.RUNTIME, allowed = 1.0)
        val decision = Tally(Stage.DECISION, allowed = 0.0)
        val tallies = listOf(preprocessing, runtime, decision)
        val rule = DecisionCheck(bundle.manifest, classifier.artifact, decide, decision)
        decision.guard("the operating points themselves") { rule.edges() }
        val cases = try {
            KnownAnswers.of(bundle, classifier.artifact)
        } catch (refusal: Refusal) {
            tallies.forEach { it.fail("the known answers: ${refusal.message}") }
            return tallies.map { it.verdict() }
        }
        cases.forEachIndexed { i, case ->
            var own: Outputs? = null
            preprocessing.guard(case.name) {
                comparePixels(case.name, preprocess(bundle.bytes(case.image)), bundle.bytes(case.pixels), preprocessing)
            }
            runtime.guard(case.name) {
                own = classifier.classify(bundle.bytes(case.pixels)).takeIf {
                    within(case, it, classifier.artifact.tolerance, runtime)
                }
            }
            decision.guard(case.name) { rule.known(case.name, case.expected) }
            // outputs beyond the tolerance say something about the runtime, and nothing about the decisions
            own?.let { decision.guard(case.name) { rule.own(case.name, case.expected, it) } }
            progress(i + 1, cases.size)
        }
        return tallies.map { it.verdict() }
    }

    private fun comparePixels(case: String, own: ByteArray, expected: ByteArray, tally: Tally) {
        if (own.size != expected.size) {
            tally.check(MAX_LEVEL) { "$case: ${own.size} values, ${expected.size} are expected" }
            return
        }
        val worst = own.indices.maxByOrNull { difference(own, expected, it) } ?: return
        tally.check(difference(own, expected, worst).toDouble()) {
            "$case: value $worst is ${own[worst].toInt() and 0xff}, ${expected[worst].toInt() and 0xff} is expected"
        }
    }

    private fun difference(one: ByteArray, other: ByteArray, i: Int): Int =
        abs((one[i].toInt() and 0xff) - (other[i].toInt() and 0xff))

    /** Whether all three tensors are within the tolerance. */
    private fun within(case: KnownAnswer, own: Outputs, tolerance: Tolerance, tally: Tally): Boolean {
        val expected = case.expected
        val novelty = tolerance.noveltyRel * abs(expected.novelty.toDouble())
        return listOf(
            tensor("${case.name}: logits", own.logits, expected.logits, tolerance.logitsAbs, tally),
            tensor("${case.name}: cam", own.cam, expected.cam, tolerance.camAbs, tally),
            tensor("${case.name}: novelty", floatArrayOf(own.novelty), floatArrayOf(expected.novelty), novelty, tally),
        ).all { it }
    }

    private fun tensor(what: String, own: FloatArray, expected: FloatArray, allowed: Double, tally: Tally): Boolean {
        val shares = own.indices.map { share(abs(own[it].toDouble() - expected[it]), allowed) }
        val worst = shares.indices.maxBy { shares[it] }
        return tally.check(shares[worst]) {
            "$what: value $worst is ${own[worst]}, ${expected[worst]} is expected, within $allowed"
        }
    }

    /** A tolerance of zero lets nothing pass but the expected value itself. */
    private fun share(difference: Double, allowed: Double): Double =
        if (difference == 0.0) 0.0 else minOf(difference / allowed, Double.MAX_VALUE)

    private const val MAX_LEVEL = 255.0
}
