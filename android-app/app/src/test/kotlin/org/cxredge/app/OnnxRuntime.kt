package org.cxredge.app

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.film.InputSpec
import org.cxredge.core.model.ModelRunner
import org.cxredge.core.model.ModelRuntime
import java.io.File
import java.nio.FloatBuffer

/** Real inference on a desktop. [wrong] is added to every logit: a runtime that computes something else. */
class OnnxRuntime(private val wrong: Float = 0f) : ModelRuntime {
    override val target: String = "onnx"
    override val name: String = "ONNX Runtime"

    override fun open(model: File, artifact: Artifact, input: InputSpec, threads: Int): ModelRunner {
        val options = OrtSession.SessionOptions().apply { setIntraOpNumThreads(threads) }
        val session = OrtEnvironment.getEnvironment().createSession(model.path, options)
        return OnnxRunner(session, input, artifact.outputs.map { it.output.word }, wrong)
    }
}

private class OnnxRunner(
    private val session: OrtSession,
    input: InputSpec,
    private val names: List<String>,
    private val wrong: Float,
) : ModelRunner {
    private val shape = longArrayOf(1, input.channels.toLong(), input.height.toLong(), input.width.toLong())

    override fun run(image: FloatArray): List<FloatArray> =
        OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), FloatBuffer.wrap(image), shape).use { tensor ->
            session.run(mapOf("image" to tensor), names.toSet()).use { result ->
                names.map { name ->
                    val buffer = (result.get(name).get() as OnnxTensor).floatBuffer
                    val off = if (name == "logits") wrong else 0f
                    FloatArray(buffer.remaining()) { buffer.get() + off }
                }
            }
        }

    override fun close() = session.close()
}
