package org.cxredge.core.bundle

import org.cxredge.core.MemoryTree
import org.cxredge.core.json.JsonText
import org.cxredge.core.sorted

/** A bundle of a few kilobytes, made here: two artifacts whose models are no models, and a manifest to be changed. */
internal class SmallBundle {
    val files: MutableMap<String, ByteArray> = mutableMapOf(
        "MODEL_CARD.md" to "# Small\n".toByteArray(),
        "artifacts/onnx/fp32.onnx" to ByteArray(700) { (it * 7).toByte() },
        "artifacts/tflite/fp32.tflite" to ByteArray(500) { (it * 3).toByte() },
        "record/recipe.json" to "{\"any\": [\"thing\"]}\n".toByteArray(),
        "selftest/selftest.json" to "{}\n".toByteArray(),
    )

    /** Two labels that do not exclude each other, with every output that a model may have. */
    val model: MutableMap<String, Any?> = mutableMapOf(
        "name" to "small",
        "version" to "2.1.0",
        "licence" to "Apache-2.0",
        "labels" to mutableListOf(
            label("Effusion", "Pleural effusion", "Épanchement pleural"),
            label("Lung_nodule", "Nodule", "Nodule pulmonaire"),
        ),
        "decision" to mutableMapOf(
            "kind" to "multi-label",
            "operating_points" to mutableMapOf<String, Any?>("Lung_nodule" to 0.1, "Effusion" to -1),
        ),
        "input" to mutableMapOf<String, Any?>(
            "spec" to 1, "channels" to 3, "height" to 16, "width" to 24, "fit" to "pad", "pad_value" to 7,
            "no_window" to "min-max",
        ),
        "heatmap" to "exact",
        "novelty" to mutableMapOf<String, Any?>("threshold" to 2.7994),
        "quality" to mutableListOf(
            mutableMapOf<String, Any?>("kind" to "turned", "threshold" to 0.7),
            mutableMapOf<String, Any?>("kind" to "inverted", "threshold" to -1.5),
        ),
        "learnt_from" to mutableMapOf<String, Any?>("kind" to "phantoms", "data" to "phantom"),
    )
    val artifacts: MutableList<MutableMap<String, Any?>> = mutableListOf(
        artifact("onnx", "NCHW", listOf(1, 3, 16, 24), listOf(1, 2, 2, 3)),
        artifact("tflite", "NHWC", listOf(1, 16, 24, 3), listOf(1, 2, 3, 2)),
    )
    val manifest: MutableMap<String, Any?> = mutableMapOf(
        "manifest" to 2,
        "kind" to "android",
        "id" to "",
        "model" to model,
        "artifacts" to artifacts,
        "primary" to "tflite/fp32",
        "selftest" to "selftest/selftest.json",
        "files" to mutableListOf<Any?>(),
    )

    /** Two classes that exclude each other. */
    fun single(leastMargin: Any? = 1.5): SmallBundle = apply {
        model["decision"] = mutableMapOf("kind" to "single-label", "least_margin" to leastMargin)
    }

    /** Other labels, with another rule. */
    fun deciding(labels: List<String>, rule: Map<String, Any?>): SmallBundle = apply {
        model["labels"] = labels.map { mapOf("name" to it, "display" to mapOf<String, Any>()) }
        model["decision"] = rule
        for (artifact in artifacts) {
            @Suppress("UNCHECKED_CAST")
            val outputs = artifact["outputs"] as List<MutableMap<String, Any?>>
            val last = artifact["name"] == "tflite/fp32"
            outputs[0]["shape"] = listOf(1, labels.size)
            outputs.getOrNull(1)?.set("shape", if (last) listOf(1, 2, 3, labels.size) else listOf(1, labels.size, 2, 3))
        }
    }

    /** The model gives logits alone. */
    fun bare(): SmallBundle = apply {
        model += mapOf("heatmap" to "none", "novelty" to null, "quality" to null)
        for (artifact in artifacts) {
            artifact["outputs"] = (artifact["outputs"] as List<*>).take(1).toMutableList()
            artifact["tolerance"] =
                mutableMapOf("logits_abs" to 0.25, "cam_abs" to null, "novelty_rel" to null, "quality_abs" to null)
        }
    }

    /** Lists the files as they are now. */
    fun list(): SmallBundle = apply {
        manifest["files"] = files.toSortedMap().map { (path, bytes) ->
            mutableMapOf<String, Any?>("path" to path, "bytes" to bytes.size, "sha256" to Sha256.of(bytes))
        }.toMutableList()
    }

    /** The manifest's text, sealed by its id. */
    fun sealed(): ByteArray = seal(manifest)

    /** The whole, signed. */
    fun tree(manifest: ByteArray = sealed()): MemoryTree {
        val all = files + ("manifest.json" to manifest)
        return MemoryTree(all + ("model.sig" to SIGNER.sign(all)))
    }

    fun open(newest: Map<String, ModelVersion> = emptyMap()): ModelBundle =
        ModelBundle.open(tree(), Trust(listOf(SIGNER.pinned), newest))

    private fun label(name: String, english: String, french: String): Any =
        mutableMapOf("name" to name, "display" to mutableMapOf<String, Any?>("en" to english, "fr" to french))

    private fun artifact(target: String, layout: String, image: List<Int>, cam: List<Int>): MutableMap<String, Any?> {
        val path = files.keys.single { it.startsWith("artifacts/$target/") }
        return mutableMapOf(
            "name" to "$target/fp32",
            "path" to path,
            "sha256" to Sha256.of(files.getValue(path)),
            "inputs" to mutableListOf(tensor("image", 0, image, layout)),
            "outputs" to mutableListOf(
                tensor("logits", 0, listOf(1, 2), "NC"), tensor("cam", 1, cam, layout),
                tensor("novelty", 2, listOf(1), "N"), tensor("quality", 3, listOf(1, 2), "NK"),
            ),
            "tolerance" to mutableMapOf<String, Any?>(
                "logits_abs" to 0.25, "cam_abs" to 1, "novelty_rel" to 0.5, "quality_abs" to 0.125,
            ),
            "temperature" to 2,
            "too_few" to mutableMapOf<String, Any?>(),
        )
    }

    private fun tensor(name: String, index: Int, shape: List<Int>, layout: String): Any = mutableMapOf<String, Any?>(
        "name" to name, "index" to index, "shape" to shape.toMutableList(), "dtype" to "float32", "layout" to layout,
    )

    companion object {
        val SIGNER: Signer = Signer()

        /** A manifest's text with the id that its model and its own digest give. */
        fun seal(manifest: Map<String, Any?>): ByteArray {
            val digest = Sha256.of(JsonText.of(sorted(manifest + ("id" to ""))).toByteArray())
            val model = manifest["model"] as? Map<*, *>
            val id = "${model?.get("name")}-${model?.get("version")}-${digest.take(12)}"
            return JsonText.of(sorted(manifest + ("id" to id))).toByteArray()
        }
    }
}
