package org.cxredge.core.model

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.film.InputSpec
import java.io.Closeable
import java.io.File

/** One loaded artifact. Not thread-safe: one call at a time. */
interface ModelRunner : Closeable {
    /** [image]: float32 in the artifact's layout, 0..255. Returns the artifact's outputs, flat, in their order. */
    fun run(image: FloatArray): List<FloatArray>
}

/** A runtime that an app was built with. */
interface ModelRuntime {
    /** Target whose artifacts it runs: executorch, tflite and so on. */
    val target: String

    /** Name and version for people and field logs. */
    val name: String

    /** [model] was hashed already; [input] gives the image's shape. Throws [org.cxredge.core.Refusal] RUNTIME-LOAD. */
    fun open(model: File, artifact: Artifact, input: InputSpec, threads: Int): ModelRunner
}
