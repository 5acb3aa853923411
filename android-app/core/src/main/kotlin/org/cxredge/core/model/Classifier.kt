package org.cxredge.core.model

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.CamShape
import org.cxredge.core.bundle.Output
import org.cxredge.core.film.InputSpec
import java.io.Closeable

/** The student contract around a [ModelRunner]: layouts, shapes, and nothing that is not finite. */
class Classifier(val artifact: Artifact, private val input: InputSpec, private val runner: ModelRunner) : Closeable {
    /** [pixels]: uint8[ch, H, W]. Throws [Refusal] RUNTIME-RUN, RUNTIME-SHAPE, RUNTIME-NAN. */
    fun classify(pixels: ByteArray): Outputs {
        val area = input.height * input.width
        checkSize("the image", pixels.size, input.channels * area)
        val last = artifact.layout == "NHWC"
        val image = FloatArray(pixels.size)
        for (i in image.indices) image[if (last) interleaved(i, input.channels, area) else i] = pixels[i].level()
        val found = run(image)
        checkSize("the list of outputs", found.size, artifact.outputs.size)
        val values = artifact.outputs.zip(found) { tensor, values ->
            checkSize(tensor.output.word, values.size, tensor.size)
            if (!values.all { it.isFinite() }) {
                throw Refusal("RUNTIME-NAN", "${tensor.output.word} of ${artifact.name} holds NaN or infinity", REPORT)
            }
            tensor.output to values
        }.toMap()
        return Outputs(
            logits = values.getValue(Output.LOGITS),
            cam = artifact.cam?.let { map(values.getValue(Output.CAM), it, last) },
            novelty = values[Output.NOVELTY]?.single(),
            quality = values[Output.QUALITY],
        )
    }

    private fun map(cam: FloatArray, shape: CamShape, last: Boolean): ClassMap {
        val cells = shape.rows * shape.columns
        return ClassMap(if (last) FloatArray(cam.size) { cam[interleaved(it, shape.classes, cells)] } else cam, shape)
    }

    override fun close(): Unit = runner.close()

    private fun run(image: FloatArray): List<FloatArray> = try {
        runner.run(image)
    } catch (refusal: Refusal) {
        throw refusal
    } catch (error: Exception) {
        throw failed(error)
    } catch (error: LinkageError) {
        throw failed(error) // a native library that lacks a function says so at the first call
    }

    private fun failed(error: Throwable): Refusal =
        Refusal("RUNTIME-RUN", "${artifact.name} did not run: ${error.message ?: error.javaClass.name}", REPORT, error)

    private fun checkSize(what: String, size: Int, expected: Int) {
        if (size == expected) return
        throw Refusal("RUNTIME-SHAPE", "$what of ${artifact.name} has $size values, not $expected", REPORT)
    }

    /** Where value [i] of an array [channels, area] stands in [area, channels]. */
    private fun interleaved(i: Int, channels: Int, area: Int): Int = i % area * channels + i / area

    private fun Byte.level(): Float = (toInt() and 0xff).toFloat()

    private companion object {
        const val REPORT = "send the field log to the bundle's publisher, and use another artifact or runtime"
    }
}
