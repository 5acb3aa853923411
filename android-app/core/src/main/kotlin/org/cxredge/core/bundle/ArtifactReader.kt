package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import org.cxredge.core.json.JsonNode

/** The manifest's record of one artifact, which must fit the model. */
internal object ArtifactReader {
    /** target/scheme. Which targets there are is no matter of the manifest: an app looks for its runtime's. */
    val NAME = Regex("[a-z]{1,20}/[a-z0-9]{1,10}")
    private val LAYOUTS = listOf("NCHW", "NHWC").associateWith { it }
    private val CELLS = 1..1024
    private val TEXT = 1..200

    /** [files]: by path. Throws [Refusal] MANIFEST-SCHEMA and BUNDLE-HASH. */
    fun read(node: JsonNode, model: Model, files: Map<String, ListedFile>): Artifact {
        node.record("name", "path", "sha256", "inputs", "outputs", "tolerance", "temperature", "too_few")
        val path = ManifestReader.path(node["path"])
        val listed = files[path] ?: node["path"].wrong("the file is not listed")
        if (listed.sha256 != node["sha256"].text(Sha256.HEX)) {
            throw Refusal("BUNDLE-HASH", "$path: artifact and file list disagree", "build the bundle again")
        }
        val layout = layout(node["inputs"].elements(1..1).single(), model)
        return Artifact(
            name = node["name"].text(NAME),
            path = path,
            bytes = listed.bytes,
            sha256 = listed.sha256,
            layout = layout,
            outputs = outputs(node["outputs"], model, layout),
            tolerance = tolerance(node["tolerance"], model),
            temperature = node["temperature"].run { number().also { if (it <= 0) wrong("it is not above 0") } },
            tooFew = tooFew(node["too_few"], model),
        )
    }

    private fun layout(node: JsonNode, model: Model): String {
        tensor(node, "image", 0)
        val layout = node["layout"].choice(LAYOUTS)
        val shape = model.input.run { image(layout, channels, height, width) }
        if (shape(node) != shape) node["shape"].wrong("$shape is expected")
        return layout
    }

    private fun outputs(node: JsonNode, model: Model, layout: String): List<OutputTensor> {
        val given = Output.entries.filter { model.gives(it) }
        return node.elements(given.size..given.size).mapIndexed { i, tensor ->
            val output = given[i]
            tensor(tensor, output.word, i)
            val found = shape(tensor)
            val (axes, shape) = when (output) {
                Output.LOGITS -> "NC" to listOf(1, model.labels.size)
                Output.CAM -> layout to map(tensor["shape"], found, layout, model.labels.size)
                Output.NOVELTY -> "N" to listOf(1)
                Output.QUALITY -> "NK" to listOf(1, model.quality.size)
            }
            tensor["layout"].constant(axes)
            if (found != shape) tensor["shape"].wrong("$shape is expected")
            OutputTensor(output, shape)
        }
    }

    /** The shape that a map of as many rows and columns as [found] must have. */
    private fun map(node: JsonNode, found: List<Int>, layout: String, classes: Int): List<Int> {
        if (found.size != 4) node.wrong("four axes are expected")
        val (rows, columns) = if (layout == "NCHW") found.drop(2) else found.drop(1)
        if (rows !in CELLS || columns !in CELLS) node.wrong("rows and columns must be within $CELLS")
        return image(layout, classes, rows, columns)
    }

    private fun image(layout: String, channels: Int, rows: Int, columns: Int): List<Int> =
        if (layout == "NCHW") listOf(1, channels, rows, columns) else listOf(1, rows, columns, channels)

    private fun tensor(node: JsonNode, name: String, index: Int) {
        node.record("name", "index", "shape", "dtype", "layout")
        node["name"].constant(name)
        node["index"].int(index..index)
        node["dtype"].constant("float32")
    }

    private fun shape(node: JsonNode): List<Int> = node["shape"].elements().map { it.int() }

    private fun tolerance(node: JsonNode, model: Model): Tolerance {
        val words = mapOf(
            Output.LOGITS to "logits_abs", Output.CAM to "cam_abs", Output.NOVELTY to "novelty_rel",
            Output.QUALITY to "quality_abs",
        )
        node.record(*words.values.toTypedArray())
        val (given, absent) = words.entries.partition { (output) -> model.gives(output) }
        absent.forEach { (_, word) -> if (!node[word].isNull) node[word].wrong("the model gives no such output") }
        return Tolerance(
            given.associate { (output, word) ->
                output to node[word].run { number().also { if (it < 0) wrong("it is below 0") } }
            },
        )
    }

    private fun tooFew(node: JsonNode, model: Model): Map<String, String> {
        val reasons = node.entries().mapValues { (_, reason) -> reason.line(TEXT) }
        if (!model.labels.map { it.name }.containsAll(reasons.keys)) node.wrong("it names what is no label")
        return reasons
    }

    private fun Model.gives(output: Output): Boolean = when (output) {
        Output.LOGITS -> true
        Output.CAM -> heatmap != HeatmapKind.NONE
        Output.NOVELTY -> noveltyThreshold != null
        Output.QUALITY -> quality.isNotEmpty()
    }
}
