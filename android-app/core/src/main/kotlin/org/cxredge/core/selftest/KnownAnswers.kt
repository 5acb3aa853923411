package org.cxredge.core.selftest

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.Output
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource
import org.cxredge.core.model.ClassMap
import org.cxredge.core.model.Outputs

/** One case of the self-test: a picture, the pixels that it must become, and what each artifact said of these. */
internal class KnownAnswer(
    val name: String,
    /** Paths in the bundle. */
    val image: String,
    val pixels: String,
    val expected: Outputs,
)

/**
 * selftest.json, version 2 (docs/schemas/selftest.schema.json): every key is there, and no other.
 * Its text has at most [MAX_BYTES] bytes and [MAX_VALUES] values.
 */
internal object KnownAnswers {
    private const val VERSION = 2L

    /** Bytes of the file. */
    const val MAX_BYTES: Int = 16_000_000

    /** Values of the file: each object, list, text, number, true, false and null is one; a key is none. */
    const val MAX_VALUES: Int = Json.MAX_VALUES
    private val NAME = Regex("[A-Za-z0-9][A-Za-z0-9_.-]*")
    private val SOURCE =
        JsonSource("the self-test's file", "SELFTEST-SYNTAX", "SELFTEST-SCHEMA", "build the bundle again")

    /** The cases, with what [artifact] is expected to say. Throws refusals SELFTEST-* and BUNDLE-*. */
    fun of(bundle: ModelBundle, artifact: Artifact): List<KnownAnswer> {
        val path = bundle.manifest.selfTest
        val folder = path.substringBeforeLast('/', "").let { if (it.isEmpty()) "" else "$it/" }
        val root = Json.parse(bundle.bytes(path), MAX_BYTES, SOURCE).record("selftest", "cam_shape", "cases")
        root["selftest"].long(VERSION..VERSION)
        val shape = root["cam_shape"].orNull { node -> node.elements(3..3).map { it.int() } }
        val expected = artifact.cam?.run { listOf(classes, rows, columns) }
        if (shape != expected) root["cam_shape"].wrong("it is not the manifest's shape")
        return root["cases"].elements(1..Int.MAX_VALUE).map { case ->
            case.record("name", "what", "image", "image_sha256", "pixels", "pixels_sha256", "expected")
            KnownAnswer(
                name = case["name"].text(),
                image = folder + case["image"].text(NAME),
                pixels = folder + case["pixels"].text(NAME),
                expected = outputs(case["expected"][artifact.name], artifact),
            )
        }
    }

    private fun outputs(node: JsonNode, artifact: Artifact): Outputs {
        node.record(*Output.entries.map { it.word }.toTypedArray())
        val sizes = artifact.outputs.associate { it.output to it.size }
        fun values(output: Output): FloatArray? {
            val value = node[output.word]
            val size = sizes[output]
            return when {
                size == null && !value.isNull -> value.wrong("the model gives no such output")
                size == null -> null
                output == Output.NOVELTY -> floatArrayOf(value.float())
                else -> floats(value, size)
            }
        }
        return Outputs(
            logits = checkNotNull(values(Output.LOGITS)),
            cam = values(Output.CAM)?.let { ClassMap(it, checkNotNull(artifact.cam)) },
            novelty = values(Output.NOVELTY)?.single(),
            quality = values(Output.QUALITY),
        )
    }

    /** Doubles in the file are float32 values, written exactly. */
    private fun floats(node: JsonNode, size: Int): FloatArray {
        val values = node.elements(size..size)
        return FloatArray(size) { values[it].float() }
    }
}
