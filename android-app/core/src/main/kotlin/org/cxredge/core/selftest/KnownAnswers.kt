package org.cxredge.core.selftest

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.CamShape
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource
import org.cxredge.core.model.Outputs

/** One case of the self-test: a picture, the pixels that it must become, and what each artifact said of these. */
internal class KnownAnswer(
    val name: String,
    /** Paths in the bundle. */
    val image: String,
    val pixels: String,
    val expected: Outputs,
)

/** selftest.json, version 1 (docs/schemas/selftest.schema.json). */
internal object KnownAnswers {
    private const val MAX_BYTES = 16_000_000
    private val NAME = Regex("[A-Za-z0-9][A-Za-z0-9_.-]*")
    private val SOURCE =
        JsonSource("the self-test's file", "SELFTEST-SYNTAX", "SELFTEST-SCHEMA", "build the bundle again")

    /** The cases, with what [artifact] is expected to say. Throws refusals SELFTEST-* and BUNDLE-*. */
    fun of(bundle: ModelBundle, artifact: Artifact): List<KnownAnswer> {
        val path = bundle.manifest.selfTest
        val folder = path.substringBeforeLast('/', "").let { if (it.isEmpty()) "" else "$it/" }
        val root = Json.parse(bundle.bytes(path), MAX_BYTES, SOURCE)
            .record(setOf("cam_shape", "cases"), setOf("selftest"))
        root.find("selftest")?.long(1L..1L)
        val shape = root["cam_shape"].elements(3..3).map { it.int() }
        val (classes, rows, columns) = artifact.cam
        if (shape != listOf(classes, rows, columns)) root["cam_shape"].wrong("$shape is not the manifest's shape")
        return root["cases"].elements(1..Int.MAX_VALUE).map { case ->
            case.record(setOf("name", "what", "image", "image_sha256", "pixels", "pixels_sha256", "expected"))
            KnownAnswer(
                name = case["name"].text(),
                image = folder + case["image"].text(NAME),
                pixels = folder + case["pixels"].text(NAME),
                expected = outputs(case["expected"][artifact.name], artifact.cam),
            )
        }
    }

    private fun outputs(node: JsonNode, shape: CamShape): Outputs {
        node.record(setOf("logits", "cam", "novelty"))
        return Outputs(
            logits = floats(node["logits"], shape.classes),
            cam = floats(node["cam"], shape.classes * shape.rows * shape.columns),
            shape = shape,
            novelty = float(node["novelty"]),
        )
    }

    private fun floats(node: JsonNode, size: Int): FloatArray {
        val values = node.elements(size..size)
        return FloatArray(size) { float(values[it]) }
    }

    /** Doubles in the file are float32 values, written exactly. */
    private fun float(node: JsonNode): Float =
        node.number().toFloat().also { if (!it.isFinite()) node.wrong("it does not fit into float32") }
}
