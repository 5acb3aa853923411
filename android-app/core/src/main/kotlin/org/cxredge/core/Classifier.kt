package org.cxredge.core

import java.io.Closeable
import java.io.File

/** One loaded artifact. Not thread-safe: one call at a time. */
interface Runner : Closeable {
    /** [image]: float32 in the artifact's layout, 0..255. Returns logits, cam and novelty, flat, in that order. */
    fun run(image: FloatArray): List<FloatArray>
}

/** A runtime that an app was built with. */
interface Runtime {
    /** Target whose artifacts it runs: executorch, tflite, onnx. */
    val target: String

    /** Name and version for people and field logs. */
    val name: String

    /** [model] was hashed already; [input] gives the image's shape. Throws [Refusal] RUNTIME-LOAD. */
    fun open(model: File, artifact: Artifact, input: InputSpec, threads: Int): Runner
}

/** What a model says of a film. [cam] is float32[classes, rows, columns]. */
class Outputs(val logits: FloatArray, val cam: FloatArray, val shape: CamShape, val novelty: Float)

/** The student contract around a [Runner]: layouts, shapes, and nothing that is not finite. */
class Classifier(val artifact: Artifact, private val input: InputSpec, private val runner: Runner) : Closeable {
    /** [pixels]: uint8[ch, H, W]. Throws [Refusal] RUNTIME-RUN, RUNTIME-SHAPE, RUNTIME-NAN. */
    fun classify(pixels: ByteArray): Outputs = TODO()

    override fun close() = runner.close()
}
