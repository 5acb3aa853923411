package org.cxredge.core.selftest

import org.cxredge.core.Fixtures
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.Output
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.decision.Decision
import org.cxredge.core.decision.Finding
import org.cxredge.core.decision.Findings
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.model.Classifier
import org.cxredge.core.model.ModelRunner
import org.cxredge.core.model.OnnxRuntime
import org.cxredge.core.model.Outputs
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
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
        OnnxRuntime.open(model, artifact, bundle.manifest.model.input, 1)
    }

    @AfterEach
    fun close() = runner.close()

    private val preprocessor = Preprocessor { throw Refusal("IMG-FORMAT", "the self-test has no JPEG", "") }
    private val pixels: (ByteArray) -> ByteArray = { preprocessor.preprocess(it, bundle.manifest.model.input).pixels }
    private val decide: (Outputs) -> Decision = { Decision.of(bundle.manifest.model, artifact, it) }

    private fun failed(
        pixels: (ByteArray) -> ByteArray = this.pixels,
        runner: ModelRunner = this.runner,
        artifact: Artifact = this.artifact,
        decide: (Outputs) -> Decision = this.decide,
    ): List<StageVerdict> {
        val classifier = Classifier(artifact, bundle.manifest.model.input, runner)
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
        val (classes, rows, columns) = checkNotNull(cam)
        val tensors = outputs.map {
            if (it.output == Output.CAM) it.copy(shape = listOf(1, rows, columns, classes)) else it
        }
        Artifact(name, path, bytes, sha256, layout, tensors, tolerance, temperature, tooFew)
    }

    private fun deciding(rule: (Finding) -> Boolean): (Outputs) -> Decision = { outputs ->
        val said = decide(outputs) as Findings
        val findings = said.findings.map {
            it.run { Finding(label, logit, operatingPoint, margin, rule(it), probability, tooFew) }
        }
        Findings(findings, said.novelty, said.quality)
    }

    @Test
    fun passesWhereAllIsWell() {
        val seen = mutableListOf<Pair<Int, Int>>()
        val classifier = Classifier(artifact, bundle.manifest.model.input, runner)
        val result = SelfTest.run(bundle, classifier, preprocessor) { done, all -> seen += done to all }
        val stages = result.stages
        for (it in stages) println("${it.stage}: ${it.checks} checks, worst ${it.worst} of ${it.stage.allowed}")
        assertTrue(result.passed && result.seconds > 0)
        assertEquals((1..4).map { it to 4 }, seen)
        val labels = bundle.manifest.model.labels.size
        assertEquals(listOf(4, 16), stages.take(2).map { it.checks })
        // three made-up films and four known ones, each with its novelty score; own outputs where the margin allows
        assertTrue(stages[2].checks > 7 * (labels + 3))
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
        fun with(place: Int, change: (Float) -> Float) = broken { outputs ->
            outputs.mapIndexed { i, tensor ->
                if (i == place) FloatArray(tensor.size) { change(tensor[it]) } else tensor
            }
        }
        fun novelty(change: (Float) -> Float) = with(2, change)
        assertTrue("novelty" in novelty { it * 2 }.detail)
        assertTrue("quality" in with(3) { it + 100 }.detail)
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
            (decide(it) as Findings).run { Findings(findings.reversed(), novelty, quality) }
        }
        only(Stage.DECISION, failed(decide = mixed))
        val silent: (Outputs) -> Decision = { Findings((decide(it) as Findings).findings, null, emptyList()) }
        assertTrue("unlike" in only(Stage.DECISION, failed(decide = silent)).detail)
        only(Stage.DECISION, failed(decide = { throw IllegalStateException("no") }))
    }

    @Test
    fun knownAnswersThatCannotBeReadFailEveryStage() {
        val small = SmallBundle().list().open()
        val own = small.manifest.artifact("onnx/fp32")
        val stages = SelfTest.run(small, Classifier(own, small.manifest.model.input, runner), preprocessor).stages
        assertEquals(List(3) { false }, stages.map { it.passed })
        assertTrue(stages.all { "SELFTEST-SCHEMA" in it.detail })
    }

    @Test
    fun whatContradictsItselfCannotBeSaid() {
        fun verdict(checks: Int, worst: Double, failure: String?) = StageVerdict(Stage.RUNTIME, checks, worst, failure)
        assertTrue(verdict(1, 1.0, null).passed)
        val failed = listOf(
            verdict(0, 0.0, null), verdict(1, 1.0000001, null), verdict(1, Double.NaN, null), verdict(1, -1.0, null),
            verdict(1, Double.POSITIVE_INFINITY, null), verdict(1, 0.0, ""), verdict(1, 0.0, "no"),
        )
        for (one in failed) assertTrue(!one.passed && one.detail.isNotEmpty())
        val all = Stage.entries.map { StageVerdict(it, 1, 0.0, null) }
        assertTrue(SelfTestResult(all, 0.0).passed)
        val none = listOf(emptyList(), all.dropLast(1), all + all, all.reversed())
        for (stages in none) assertThrows<IllegalArgumentException> { SelfTestResult(stages, 0.0) }
        for (time in listOf(-1.0, Double.NaN)) assertThrows<IllegalArgumentException> { SelfTestResult(all, time) }
    }
}
