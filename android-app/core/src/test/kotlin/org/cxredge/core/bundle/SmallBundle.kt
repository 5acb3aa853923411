package org.cxredge.core.bundle

import org.cxredge.core.MemoryTree
import org.cxredge.core.json.JsonText

/** A bundle of a few kilobytes, made here: two artifacts whose models are no models, and a manifest to be changed. */
internal class SmallBundle {
    val files: MutableMap<String, ByteArray> = mutableMapOf(
        "MODEL_CARD.md" to "# Small\n".toByteArray(),
        "artifacts/onnx/fp32.onnx" to ByteArray(700) { (it * 7).toByte() },
        "artifacts/tflite/fp32.tflite" to ByteArray(500) { (it * 3).toByte() },
        "selftest/selftest.json" to "{}\n".toByteArray(),
    )
    val recipe: MutableMap<String, Any?> = recipe()
    val manifest: MutableMap<String, Any?> = mutableMapOf(
        "manifest" to 1,
        "kind" to "android",
        "id" to "",
        "recipe" to recipe,
        "parameters" to 12,
        "artifacts" to mutableListOf(
            artifact("onnx", "artifacts/onnx/fp32.onnx", "NCHW", listOf(1, 3, 16, 24), listOf(1, 2, 2, 3)),
            artifact("tflite", "artifacts/tflite/fp32.tflite", "NHWC", listOf(1, 16, 24, 3), listOf(1, 2, 3, 2)),
        ),
        "primary" to "tflite/fp32",
        "calibration" to null,
        "evaluation" to mapOf<String, Any?>(),
        "validation" to mapOf<String, Any?>(),
        "strangers" to mapOf<String, Any?>(),
        "verdicts" to mutableListOf(verdict("onnx/fp32"), verdict("tflite/fp32")),
        "selftest" to "selftest/selftest.json",
        "tools" to mutableMapOf("made" to "here"),
        "statement" to "Nothing was verified: a bundle for tests.",
        "files" to mutableListOf<Any?>(),
    )

    /** Lists the files as they are now. */
    fun list(): SmallBundle = apply {
        manifest["files"] = files.toSortedMap().map { (path, bytes) ->
            mutableMapOf<String, Any?>("path" to path, "bytes" to bytes.size, "sha256" to Sha256.of(bytes))
        }
    }

    /** The manifest's text, sealed by its id. */
    fun sealed(): ByteArray {
        val digest = Sha256.of(JsonText.of(manifest + ("id" to "")).toByteArray())
        val id = "${recipe["name"]}-${recipe["version"]}-${digest.take(12)}"
        return JsonText.of(manifest + ("id" to id)).toByteArray()
    }

    /** The whole, signed. */
    fun tree(manifest: ByteArray = sealed()): MemoryTree {
        val all = files + ("manifest.json" to manifest)
        return MemoryTree(all + ("model.sig" to SIGNER.sign(all)))
    }

    fun open(newest: Map<String, ModelVersion> = emptyMap()): ModelBundle =
        ModelBundle.open(tree(), Trust(listOf(SIGNER.pinned), newest))

    private fun artifact(
        target: String,
        path: String,
        layout: String,
        image: List<Int>,
        cam: List<Int>,
    ): Any = mutableMapOf(
        "artifact" to mutableMapOf<String, Any?>(
            "name" to "$target/fp32", "target" to target, "scheme" to "fp32", "file" to path.substringAfterLast('/'),
            "bytes" to files.getValue(path).size, "sha256" to Sha256.of(files.getValue(path)), "census" to mapOf<String,
            Any?>(),
            "delegation" to null,
        ),
        "path" to path,
        "inputs" to mutableListOf(tensor("image", 0, image, layout)),
        "outputs" to mutableListOf(
            tensor("logits", 0, listOf(1, 2), "NC"), tensor("cam", 1, cam, layout),
            tensor("novelty", 2, listOf(1), "N"),
        ),
        "tolerance" to mutableMapOf<String,
        Any?>("logits_abs" to 0.25, "cam_abs" to 1, "novelty_rel" to 0.5, "rule" to "made up"),
        "temperature" to mutableMapOf<String, Any?>(
            "reference" to 1.5, "artifact" to 2.0, "films" to 9, "nll_before" to 0.5, "nll_after" to 0.25,
        ),
    )

    private fun tensor(name: String, index: Int, shape: List<Int>, layout: String): Any = mutableMapOf<String, Any?>(
        "name" to name, "index" to index, "shape" to shape.toMutableList(), "layout" to layout, "unit" to "of $name",
    )

    private fun recipe(): MutableMap<String, Any?> = mutableMapOf(
        "recipe" to 1,
        "name" to "small",
        "version" to "2.1.0",
        "licence" to "Apache-2.0",
        "card" to mutableMapOf(
            "summary" to "Small.", "intended_use" to "Tests.", "limitations" to mutableListOf("All."),
        ),
        "student" to mapOf<String, Any?>(),
        "weights" to mapOf<String, Any?>(),
        "input" to mutableMapOf<String, Any?>("channels" to 3, "height" to 16, "width" to 24, "fit" to "pad"),
        "labels" to mutableMapOf<String, Any?>("names" to mutableListOf("Effusion", "Nodule")),
        "operating_points" to mutableMapOf(
            "Nodule" to mutableMapOf<String, Any?>("logit" to 0.1, "rule" to "youden on val"),
            "Effusion" to mutableMapOf<String, Any?>("logit" to -1, "rule" to "by hand"),
        ),
        "novelty" to mutableMapOf<String, Any?>("threshold" to 2.7994, "rule" to "99th percentile on val"),
        "data" to mutableMapOf<String, Any?>("source" to "phantom"),
        "calibration" to mapOf<String, Any?>(),
        "targets" to mapOf<String, Any?>(),
        "primary" to "onnx/fp32",
        "bundles" to mapOf<String, Any?>(),
        "gates" to mapOf<String, Any?>(),
    )

    companion object {
        val SIGNER: Signer = Signer()

        fun verdict(artifact: String, few: Map<String, String> = emptyMap()): Any =
            mutableMapOf("artifact" to artifact, "figures" to mutableMapOf("labels_too_few" to few))
    }
}
