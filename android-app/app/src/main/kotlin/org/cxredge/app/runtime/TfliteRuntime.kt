package org.cxredge.app.runtime

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.film.InputSpec
import org.cxredge.core.model.ModelRunner
import org.cxredge.core.model.ModelRuntime
import org.tensorflow.lite.Interpreter
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer

/** TensorFlow Lite with XNNPACK. The interpreter maps the file, and does not read it. */
class TfliteRuntime(override val name: String) : ModelRuntime {
    override val target: String = "tflite"

    override fun open(model: File, artifact: Artifact, input: InputSpec, threads: Int): ModelRunner = try {
        val options = Interpreter.Options()
        options.setNumThreads(threads)
        options.setUseXNNPACK(true)
        TfliteRunner(Interpreter(model, options), artifact.outputs.map { it.output.word })
    } catch (error: RuntimeException) {
        throw refused(error)
    } catch (error: LinkageError) {
        throw refused(error)
    }

    private fun refused(cause: Throwable) =
        Refusal("RUNTIME-LOAD", "$name cannot load the model: ${cause.message}", "build the model again", cause)
}

/** Inputs and outputs go by their names in the signature. [names]: of the outputs that the artifact gives. */
private class TfliteRunner(private val interpreter: Interpreter, private val names: List<String>) : ModelRunner {
    private val sizes = names.associateWith { interpreter.getOutputTensorFromSignature(it, SIGNATURE).numElements() }

    override fun run(image: FloatArray): List<FloatArray> {
        val input = ByteBuffer.allocateDirect(image.size * Float.SIZE_BYTES).order(ByteOrder.nativeOrder())
        input.asFloatBuffer().put(image)
        val outputs = sizes.mapValues { FloatBuffer.allocate(it.value) }
        interpreter.runSignature(mapOf("image" to input), outputs as Map<String, Any>, SIGNATURE)
        return names.map { outputs.getValue(it).array() }
    }

    override fun close() = interpreter.close()

    private companion object {
        const val SIGNATURE = "serving_default"
    }
}
