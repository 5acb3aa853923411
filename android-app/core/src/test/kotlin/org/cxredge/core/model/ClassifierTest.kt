package org.cxredge.core.model

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.CamShape
import org.cxredge.core.bundle.ModelManifest
import org.cxredge.core.bundle.SmallBundle
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ClassifierTest {
    private val manifest = SmallBundle().list().open().manifest // uint8[3, 16, 24] -> cam[2, 2, 3]
    private val pixels = ByteArray(3 * 16 * 24) { (it * 37).toByte() }
    private val cam = FloatArray(12) { it.toFloat() }
    private var seen = FloatArray(0)

    private fun classifier(
        name: String,
        closed: () -> Unit = {},
        manifest: ModelManifest = this.manifest,
        answer: () -> List<FloatArray>,
    ): Classifier {
        val runner = object : ModelRunner {
            override fun run(image: FloatArray): List<FloatArray> {
                seen = image
                return answer()
            }

            override fun close() = closed()
        }
        return Classifier(manifest.artifact(name), manifest.model.input, runner)
    }

    private fun answer(logits: Int = 2, cam: Int = 12, novelty: Int = 1, quality: Int = 2) = listOf(
        FloatArray(logits) { 0.5f }, FloatArray(cam) { it.toFloat() }, FloatArray(novelty) { 3f },
        FloatArray(quality) { it - 1f },
    )

    @Test
    fun planarArtifactsGetPlanesAndGivePlanes() {
        val outputs = classifier("onnx/fp32") { answer() }.classify(pixels)
        assertArrayEquals(FloatArray(pixels.size) { (pixels[it].toInt() and 255).toFloat() }, seen)
        assertArrayEquals(cam, outputs.cam?.values)
        assertEquals(CamShape(2, 2, 3), outputs.cam?.shape)
        assertArrayEquals(floatArrayOf(-1f, 0f), outputs.quality)
        assertEquals(3f, outputs.novelty)
        assertArrayEquals(floatArrayOf(0.5f, 0.5f), outputs.logits)
    }

    @Test
    fun interleavedArtifactsGetPixelsAndGivePlanes() {
        val outputs = classifier("tflite/fp32") { answer() }.classify(pixels)
        for (channel in 0..2) for (y in 0..15) for (x in 0..23) {
            val level = pixels[channel * 384 + y * 24 + x].toInt() and 255
            assertEquals(level.toFloat(), seen[(y * 24 + x) * 3 + channel])
        }
        for (label in 0..1) for (y in 0..1) for (x in 0..2) {
            assertEquals(cam[(y * 3 + x) * 2 + label], outputs.cam?.values?.get(label * 6 + y * 3 + x))
        }
    }

    @Test
    fun aModelMayGiveLogitsAlone() {
        val bare = SmallBundle().list().bare().open().manifest
        for (name in listOf("onnx/fp32", "tflite/fp32")) {
            val outputs = classifier(name, manifest = bare) { answer().take(1) }.classify(pixels)
            assertArrayEquals(floatArrayOf(0.5f, 0.5f), outputs.logits)
            assertEquals(listOf(null, null, null), outputs.run { listOf(cam, novelty, quality) })
            refused("RUNTIME-SHAPE") { classifier(name, manifest = bare) { answer() }.classify(pixels) }
        }
    }

    @Test
    fun refusesOtherShapes() {
        val wrong = listOf(
            emptyList(), answer().dropLast(1), answer() + listOf(FloatArray(1)), answer(logits = 1), answer(cam = 11),
            answer(novelty = 0), answer(quality = 1), answer(quality = 3),
        )
        for (list in wrong) refused("RUNTIME-SHAPE") { classifier("onnx/fp32") { list }.classify(pixels) }
        for (size in listOf(0, pixels.size - 1, pixels.size + 1)) {
            refused("RUNTIME-SHAPE") { classifier("onnx/fp32") { answer() }.classify(ByteArray(size)) }
        }
    }

    @Test
    fun refusesWhatIsNotFinite() {
        for (bad in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            for (i in 0..3) {
                val list = answer().also { it[i][it[i].size - 1] = bad }
                refused("RUNTIME-NAN") { classifier("onnx/fp32") { list }.classify(pixels) }
            }
        }
    }

    @Test
    fun whatTheRuntimeThrowsIsARefusal() {
        val wrong = listOf(IllegalStateException("no memory"), UnsatisfiedLinkError("no function"), RuntimeException())
        for (error in wrong) {
            val refusal = refused("RUNTIME-RUN") { classifier("onnx/fp32") { throw error }.classify(pixels) }
            assertSame(error, refusal.cause)
        }
        refused("RUNTIME-LOAD") { classifier("onnx/fp32") { throw Refusal("RUNTIME-LOAD", "", "") }.classify(pixels) }
    }

    @Test
    fun closesTheRunner() {
        var closed = false
        classifier("onnx/fp32", { closed = true }) { answer() }.close()
        assertTrue(closed)
    }
}
