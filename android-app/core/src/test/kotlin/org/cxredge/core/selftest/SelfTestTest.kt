package org.cxredge.core.selftest

import org.cxredge.core.Fixtures
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.decision.Decision
import org.cxredge.core.decision.Finding
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.json.JsonText
import org.cxredge.core.model.Classifier
import org.cxredge.core.model.ModelRunner
import org.cxredge.core.model.OnnxRuntime
import org.cxredge.core.model.Outputs
import org.cxredge.core.refused
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

/** The real bundle on the real runtime; then each part is broken in turn, and the stage must name it. */
class SelfTestTest {
    @TempDir
    lateinit var temp: File

    private val bundle = Fixtures.open()
    private val artifact = bundle.manifest.artifact("onnx/w8a8")
    private val runner: ModelRunner by lazy {
        val model = temp.resolve("model.onnx")
        bundle.extract(artifact.path, model)
        OnnxRuntime.open(model, artifact, bundle.manifest.input, 1)
    }

    @AfterEach
    fun close() = runner.close()

    private val preprocessor = Preprocessor { throw Refusal("IMG-FORMAT", "the self-test has no JPEG", "") }
    private val pixels: (ByteArray) -> ByteArray = { preprocessor.preprocess(it, bundle.manifest.input).pixels }
    private val decide: (Outputs) -> Decision = { Decision.of(bundle.manifest, artifact, it) }

    private fun failed(
        pixels: (ByteArray) -> ByteArray = this.pixels,
        runner: ModelRunner = this.runner,
        artifact: Artifact = this.artifact,
        decide: (Outputs) -> Decision = this.decide,
    ): List<StageVerdict> {
        val classifier = Classifier(artifact, bundle.manifest.input, runner)
        val stages = SelfTest.stages(bundle, classifier, pixels, decide) { _, _ -> }
        assertEquals(Stage.entries, stages.map { it.stage })
        for (stage in stages) assertEquals(stage.passed, stage.detail.isEmpty(), stage.detail)
        return stages.filterNot { it.passed }
    }

    private fun only(stage: Stage, failed: List<StageVerdict>): StageVerdict {
        assertEquals(listOf(stage), failed.map { it.stage }, failed.joinToString { it.detail })
        return failed.single()
    }

    private fun changed(change: (List<FloatArray>) -> List<FloatArray>) = object : ModelRunner by runner {
        override fun run(image: FloatArray): List<FloatArray> = change(runner.run(image))
    }

    private fun differing(layout: String): Artifact = artifact.run {
        Artifact(name, target, scheme, path, bytes, sha256, layout, cam, tolerance, temperature, tooFew)
    }

    private fun deciding(rule: (Finding) -> Boolean): (Outputs) -> Decision = { outputs ->
        decide(outputs).run {
            val findings = findings.map {
                it.run { Finding(label, logit, operatingPoint, margin, rule(it), probability, tooFew) }
            }
            Decision(findings, novelty, noveltyThreshold, unlikeTrainingFilms)
        }
    }

    @Test
    fun passesWhereAllIsWell() {
        val seen = mutableListOf<Pair<Int, Int>>()
        val classifier = Classifier(artifact, bundle.manifest.input, runner)
        val result = SelfTest.run(bundle, classifier, preprocessor) { done, all -> seen += done to all }
        val stages = result.stages
        for (it in stages) println("self-test: ${it.stage}: ${it.checks} checks, worst ${it.worst} of ${it.allowed}")
        assertTrue(result.passed && result.seconds > 0)
        assertEquals((1..4).map { it to 4 }, seen)
        val labels = bundle.manifest.labels.size
        assertEquals(listOf(4, 12), stages.take(2).map { it.checks })
        // three made-up films and four known ones, each with its novelty score; own outputs where the margin allows
        assertTrue(stages[2].checks > 7 * (labels + 1))
    }

    @Test
    fun aBrokenPreprocessorIsNamed() {
        val oneLevel = { film: ByteArray -> pixels(film).also { it[77] = (it[77] + 1).toByte() } }
        val nearly = only(Stage.PREPROCESSING, failed(pixels = oneLevel))
        assertEquals(1.0, nearly.worst)
        assertTrue("value 77" in nearly.detail && nearly.detail.startsWith("phantom-0"))
        assertEquals(255.0, only(Stage.PREPROCESSING, failed(pixels = { ByteArray(9) })).worst)
        val refuses = only(Stage.PREPROCESSING, failed(pixels = { throw Refusal("IMG-DAMAGED", "", "") }))
        assertTrue("IMG-DAMAGED" in refuses.detail)
        only(Stage.PREPROCESSING, failed(pixels = { throw IllegalStateException() }))
        only(Stage.PREPROCESSING, failed(pixels = { pixels(it).reversedArray() }))
    }

    @Test
    fun aBrokenRuntimeIsNamed() {
        assertTrue("cam" in only(Stage.RUNTIME, failed(artifact = differing(layout = "NHWC"))).detail)
        fun broken(change: (List<FloatArray>) -> List<FloatArray>) =
            only(Stage.RUNTIME, failed(runner = changed(change)))
        val other = broken { it.map { tensor -> tensor.reversedArray() } }
        assertTrue("logits" in other.detail && other.worst > 1)
        fun novelty(change: (Float) -> Float) = broken { (logits, cam, novelty) ->
            listOf(logits, cam, floatArrayOf(change(novelty[0])))
        }
        assertTrue("novelty" in novelty { it * 2 }.detail)
        assertTrue("RUNTIME-NAN" in novelty { Float.NaN }.detail)
        assertTrue("RUNTIME-SHAPE" in broken { it.take(2) }.detail)
        assertTrue("libexecutorch.so" in broken { throw UnsatisfiedLinkError("libexecutorch.so") }.detail)
    }

    @Test
    fun aBrokenDecisionIsNamed() {
        only(Stage.DECISION, failed(decide = deciding { it.logit > it.operatingPoint }))
        only(Stage.DECISION, failed(decide = deciding { it.probability >= 0.5 }))
        only(Stage.DECISION, failed(decide = deciding { true }))
        val mixed: (Outputs) -> Decision = {
            decide(it).run { Decision(findings.reversed(), novelty, noveltyThreshold, unlikeTrainingFilms) }
        }
        only(Stage.DECISION, failed(decide = mixed))
        val silent: (Outputs) -> Decision = { decide(it).run { Decision(findings, novelty, noveltyThreshold, false) } }
        assertTrue("unlike" in only(Stage.DECISION, failed(decide = silent)).detail)
        only(Stage.DECISION, failed(decide = { throw IllegalStateException("no") }))
    }

    @Test
    fun knownAnswersThatCannotBeReadFailEveryStage() {
        val small = SmallBundle().list().open()
        val own = small.manifest.artifact("onnx/fp32")
        val stages = SelfTest.run(small, Classifier(own, small.manifest.input, runner), preprocessor).stages
        assertEquals(List(3) { false }, stages.map { it.passed })
        assertTrue(stages.all { "SELFTEST-SCHEMA" in it.detail })
        assertEquals(false, SelfTestResult(emptyList(), 0.0).passed)
    }

    @Test
    fun refusesKnownAnswersOfOtherShapes() {
        fun expected(vararg logits: Any): Pair<String, Any> =
            mapOf("logits" to logits.toList(), "cam" to List(12) { 0.5 }, "novelty" to 1)
                .let { "expected" to mapOf("onnx/fp32" to it) }
        val case = mapOf(
            "name" to "a", "what" to "b", "image" to "a.png", "image_sha256" to "", "pixels" to "a.pixels",
            "pixels_sha256" to "", expected(1, 2),
        )
        fun read(root: Any?): List<KnownAnswer> {
            val files = SmallBundle().apply { files["selftest/selftest.json"] = JsonText.of(root).toByteArray() }
            val small = files.list().open()
            return KnownAnswers.of(small, small.manifest.artifact("onnx/fp32"))
        }
        val good = mapOf("selftest" to 1, "cam_shape" to listOf(2, 2, 3), "cases" to listOf(case))
        assertEquals("selftest/a.png", read(good).single().image)
        val outputs = case.getValue("expected")
        val bad = listOf(
            null, emptyList<Any>(), good - "cases", good + ("more" to 1), good + ("selftest" to 2),
            good + ("cases" to emptyList<Any>()),
            good + ("cam_shape" to listOf(2, 3, 2)), good + ("cases" to listOf(case - "what")),
            good + ("cases" to listOf(case + ("image" to "../a.png"))),
            good + ("cases" to listOf(case + ("expected" to mapOf("tflite/fp32" to outputs)))),
            good + ("cases" to listOf(case + expected(1))), good + ("cases" to listOf(case + expected(1, 1e39))),
        )
        for (root in bad) refused("SELFTEST-SCHEMA") { read(root) }
    }
}
