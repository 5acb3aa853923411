package org.cxredge.core.model

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.film.InputSpec
import java.io.File
import java.nio.FloatBuffer

/** ONNX Runtime on the JVM: the artifacts of target onnx, really run. */
internal object OnnxRuntime : ModelRuntime {
    private val environment = OrtEnvironment.getEnvironment()

    override val target: String = "onnx"
    override val name: String = "ONNX Runtime ${environment.version}"

    override fun open(model: File, artifact: Artifact, input: InputSpec, threads: Int): ModelRunner = try {
        val options = OrtSession.SessionOptions().apply { setIntraOpNumThreads(threads) }
        OnnxRunner(environment, environment.createSession(model.path, options), input, artifact)
    } catch (error: OrtException) {
        val reason = "${artifact.name} cannot be loaded: ${error.message}"
        throw Refusal("RUNTIME-LOAD", reason, "get the bundle again", error)
    }
}

private class OnnxRunner(
    private val environment: OrtEnvironment,
    private val session: OrtSession,
    input: InputSpec,
    private val artifact: Artifact,
) : ModelRunner {
    private val shape = longArrayOf(1, input.channels.toLong(), input.height.toLong(), input.width.toLong())

    override fun run(image: FloatArray): List<FloatArray> =
        OnnxTensor.createTensor(environment, FloatBuffer.wrap(image), shape).use { tensor ->
            session.run(mapOf("image" to tensor)).use { found ->
                artifact.outputs.map { (output) ->
                    val buffer = (found.get(output.word).get() as OnnxTensor).floatBuffer
                    FloatArray(buffer.remaining()).also { buffer.get(it) }
                }
            }
        }

    override fun close() = session.close()
}
