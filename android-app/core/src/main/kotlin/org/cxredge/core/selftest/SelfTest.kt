package org.cxredge.core.selftest

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.Output
import org.cxredge.core.decision.Decision
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.model.Classifier
import org.cxredge.core.model.Outputs
import kotlin.math.abs

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
        val decide = { outputs: Outputs -> Decision.of(bundle.manifest.model, classifier.artifact, outputs) }
        val pictures = { film: ByteArray -> preprocessor.preprocess(film, bundle.manifest.model.input).pixels }
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
        val tallies = Stage.entries.map(::Tally)
        val (preprocessing, runtime, decision) = tallies
        val rule = DecisionCheck(bundle.manifest.model, classifier.artifact.tolerance, decide, decision)
        decision.guard("the thresholds themselves") { rule.edges() }
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
                    within(case, it, classifier.artifact, runtime)
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

    /** Whether all that the artifact gives is within its tolerance. */
    private fun within(case: KnownAnswer, own: Outputs, artifact: Artifact, tally: Tally): Boolean =
        artifact.outputs.map { (output) ->
            val expected = checkNotNull(case.expected[output])
            val share = if (output == Output.NOVELTY) abs(expected.single().toDouble()) else 1.0
            val allowed = artifact.tolerance[output] * share
            tensor("${case.name}: ${output.word}", checkNotNull(own[output]), expected, allowed, tally)
        }.all { it }

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
