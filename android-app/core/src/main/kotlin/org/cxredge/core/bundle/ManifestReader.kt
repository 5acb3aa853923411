package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import org.cxredge.core.film.Fit
import org.cxredge.core.film.InputSpec
import org.cxredge.core.film.NoWindow
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource

/** A file as the manifest lists it. */
internal class ListedFile(val path: String, val bytes: Long, val sha256: String)

/** A manifest, and the files that it lists: all of the bundle but itself and the signature. */
internal class ReadManifest(val manifest: ModelManifest, val files: List<ListedFile>)

/**
 * manifest.json, schema version 1 (docs/schemas/manifest.schema.json).
 *
 * As in Python, unknown keys are refused, and keys with a default there may be absent here. Records that an app does
 * not use (calibration, film lists, gates, tools and the like) are not looked into: the signature vouches for them.
 */
internal object ManifestReader {
    const val FILE: String = "manifest.json"
    const val MAX_BYTES: Int = 16_000_000
    private const val VERSION = 1L
    private const val FIX = "build the bundle again"
    private val SOURCE = JsonSource(FILE, "MANIFEST-SYNTAX", "MANIFEST-SCHEMA", FIX)
    private const val ID_LINE = "\n  \"id\": \""
    private const val ID_DIGITS = 12

    private val SLUG = Regex("[a-z][a-z0-9-]{0,39}")
    private val NUMBERS = Regex("[0-9]{1,9}(\\.[0-9]{1,9}){2}")
    private val LABEL = Regex("[A-Za-z][A-Za-z0-9_]{0,39}")
    private val ARTIFACT = Regex("[a-z]+/[a-z0-9]+")
    private const val MAX_LABELS = 64
    private val SIDES = 16..1024
    private val CELLS = 1..1024
    private val KINDS = listOf("host", "android", "ios").associateWith { it }
    private val TARGETS = listOf("executorch", "tflite", "coreml", "onnx").associateWith { it }
    private val SCHEMES = listOf("fp32", "fp16", "w8", "w8a8").associateWith { it }
    private val LABELS_KINDS = mapOf("multi-label" to LabelsKind.MULTI_LABEL, "single-label" to LabelsKind.SINGLE_LABEL)
    private val FITS = mapOf("pad" to Fit.PAD, "crop" to Fit.CROP, "squash" to Fit.SQUASH)
    private val NO_WINDOWS = mapOf("stored-range" to NoWindow.STORED_RANGE, "min-max" to NoWindow.MIN_MAX)
    private val OUTPUTS = listOf("logits", "cam", "novelty")

    /** Throws [Refusal] MANIFEST-SYNTAX, MANIFEST-VERSION, MANIFEST-SCHEMA or MANIFEST-ID. */
    fun read(bytes: ByteArray): ReadManifest {
        val root = Json.parse(bytes, MAX_BYTES, SOURCE)
        checkVersion(root)
        root.record(
            setOf(
                "manifest", "kind", "id", "recipe", "parameters", "artifacts", "primary", "calibration", "evaluation",
                "validation", "strangers", "verdicts", "selftest", "tools", "statement", "files",
            ),
        )
        val recipe = root["recipe"].record(
            setOf(
                "recipe", "name", "version", "licence", "card", "student", "weights", "input", "labels",
                "operating_points", "novelty", "data", "calibration", "targets", "primary", "bundles", "gates",
            ),
            setOf("operating_rules", "evaluation", "keep_float", "distill"),
        )
        recipe["recipe"].long(VERSION..VERSION)
        val id = root["id"].text()
        checkId(bytes, id, "${recipe["name"].text(SLUG)}-${recipe["version"].text(NUMBERS)}")
        val files = files(root["files"])
        return ReadManifest(manifest(root, recipe, id, files.associateBy { it.path }), files)
    }

    private fun manifest(root: JsonNode, recipe: JsonNode, id: String, files: Map<String, ListedFile>): ModelManifest {
        val kind = recipe["labels"].record(setOf("names"), setOf("kind"))
        val names = recipe["labels"]["names"].elements(1..MAX_LABELS)
        val labels = names.map { it.text(LABEL) }
        if (labels.toSet().size != labels.size) recipe["labels"]["names"].wrong("a label appears twice")
        val points = recipe["operating_points"].record(labels.toSet())
        labels.forEach { points[it].record(setOf("logit", "rule")) }
        val novelty = recipe["novelty"].record(setOf("threshold", "rule"))
        val card = recipe["card"].record(setOf("summary", "intended_use", "limitations"), setOf("attribution"))
        val input = input(recipe["input"])
        val verdicts = root["verdicts"].elements()
        val artifacts = root["artifacts"].elements(1..Int.MAX_VALUE)
            .map { artifact(it, labels, input, files, verdicts) }
        val primary = root["primary"].text(ARTIFACT)
        if (artifacts.map { it.name }.toSet().size != artifacts.size) root["artifacts"].wrong("a name appears twice")
        if (artifacts.none { it.name == primary }) root["primary"].wrong("the bundle has no artifact $primary")
        val selfTest = root["selftest"].text(BUNDLE_PATH)
        if (selfTest !in files) root["selftest"].wrong("the file is not listed")
        return ModelManifest(
            id = id,
            kind = root["kind"].choice(KINDS),
            name = recipe["name"].text(),
            version = ModelVersion.parse(recipe["version"].text()),
            licence = recipe["licence"].text(),
            phantom = recipe["data"]["source"].choice(mapOf("phantom" to true, "folder" to false)),
            labels = labels,
            labelsKind = kind.find("kind")?.choice(LABELS_KINDS) ?: LabelsKind.MULTI_LABEL,
            operatingPoints = FloatArray(labels.size) { float32(points[labels[it]]["logit"]) },
            operatingRules = labels.map { points[it]["rule"].text() },
            noveltyThreshold = positive(novelty["threshold"]),
            noveltyRule = novelty["rule"].text(),
            input = input,
            artifacts = artifacts,
            primary = primary,
            statement = root["statement"].text(),
            summary = card["summary"].text(),
            intendedUse = card["intended_use"].text(),
            limitations = card["limitations"].elements(1..Int.MAX_VALUE).map { it.text() },
            selfTest = selfTest,
        )
    }

    private fun artifact(
        node: JsonNode,
        labels: List<String>,
        input: InputSpec,
        files: Map<String, ListedFile>,
        verdicts: List<JsonNode>,
    ): Artifact {
        node.record(setOf("artifact", "path", "inputs", "outputs", "tolerance", "temperature"))
        val file = node["artifact"].record(
            setOf("name", "target", "scheme", "file", "bytes", "sha256", "census", "delegation"),
            setOf("ranges", "kept_float", "cam_step", "tools"),
        )
        val name = file["name"].text(ARTIFACT)
        val path = node["path"].text(BUNDLE_PATH)
        val sha256 = file["sha256"].text(Sha256.HEX)
        val listed = files[path] ?: node["path"].wrong("the file is not listed")
        if (listed.sha256 != sha256) {
            throw Refusal("BUNDLE-HASH", "$path: artifact and file list disagree", FIX)
        }
        val layout = imageLayout(node["inputs"].elements(1..1).single(), input)
        val tolerance = node["tolerance"].record(setOf("logits_abs", "cam_abs", "novelty_rel", "rule"))
        val temperature =
            node["temperature"].record(setOf("reference", "artifact", "films", "nll_before", "nll_after"))
        return Artifact(
            name = name,
            target = file["target"].choice(TARGETS),
            scheme = file["scheme"].choice(SCHEMES),
            path = path,
            bytes = listed.bytes,
            sha256 = sha256,
            layout = layout,
            cam = camShape(node["outputs"], layout, labels.size),
            tolerance = Tolerance(
                notNegative(tolerance["logits_abs"]),
                notNegative(tolerance["cam_abs"]),
                notNegative(tolerance["novelty_rel"]),
            ),
            temperature = positive(temperature["artifact"]),
            tooFew = tooFew(verdicts.filter { it["artifact"].text(ARTIFACT) == name }, labels),
        )
    }

    /** Labels that the verdict's means leave out, and why; without a verdict, all. */
    private fun tooFew(verdicts: List<JsonNode>, labels: List<String>): Map<String, String> {
        val verdict = verdicts.firstOrNull() ?: return labels.associateWith { "the bundle holds no verdict" }
        val few = verdict["figures"]["labels_too_few"].record(emptySet(), labels.toSet())
        return few.entries().mapValues { (_, reason) -> reason.text() }
    }

    private fun imageLayout(node: JsonNode, input: InputSpec): String {
        checkTensor(node, "image", 0)
        val layout = node["layout"].choice(listOf("NCHW", "NHWC").associateWith { it })
        val shape = listOf(input.channels, input.height, input.width)
        checkShape(node, listOf(1) + if (layout == "NCHW") shape else shape.drop(1) + shape.take(1))
        return layout
    }

    private fun camShape(outputs: JsonNode, layout: String, classes: Int): CamShape {
        val (logits, cam, novelty) = outputs.elements(OUTPUTS.size..OUTPUTS.size)
            .onEachIndexed { i, node -> checkTensor(node, OUTPUTS[i], i) }
        checkShape(logits, listOf(1, classes))
        checkShape(novelty, listOf(1))
        cam["layout"].constant(layout)
        val shape = cam["shape"].elements(4..4).map { it.int(CELLS) }
        val (rows, columns) = if (layout == "NCHW") shape.drop(2) else shape.drop(1)
        checkShape(cam, if (layout == "NCHW") listOf(1, classes, rows, columns) else listOf(1, rows, columns, classes))
        return CamShape(classes, rows, columns)
    }

    private fun checkTensor(node: JsonNode, name: String, index: Int) {
        node.record(setOf("name", "index", "shape", "layout", "unit"), setOf("dtype", "low", "high"))
        node["name"].constant(name)
        node["index"].int(index..index)
        node.find("dtype")?.constant("float32")
    }

    private fun checkShape(node: JsonNode, expected: List<Int>) {
        val shape = node["shape"].elements().map { it.int() }
        if (shape != expected) node["shape"].wrong("$expected is expected, not $shape")
    }

    private fun input(node: JsonNode): InputSpec {
        node.record(setOf("height", "width", "fit"), setOf("spec", "channels", "pad_value", "no_window"))
        node.find("spec")?.long(VERSION..VERSION)
        val channels = node.find("channels")?.int() ?: 1
        if (channels != 1 && channels != 3) node["channels"].wrong("1 or 3 is expected")
        return InputSpec(
            channels = channels,
            height = node["height"].int(SIDES),
            width = node["width"].int(SIDES),
            fit = node["fit"].choice(FITS),
            padValue = node.find("pad_value")?.int(0..255) ?: 0,
            noWindow = node.find("no_window")?.choice(NO_WINDOWS) ?: NoWindow.STORED_RANGE,
        )
    }

    private fun files(node: JsonNode): List<ListedFile> {
        val files = node.elements().map {
            it.record(setOf("path", "bytes", "sha256"))
            ListedFile(it["path"].text(BUNDLE_PATH), it["bytes"].long(0..Long.MAX_VALUE), it["sha256"].text(Sha256.HEX))
        }
        if (files.map { it.path }.toSet().size != files.size) node.wrong("a path appears twice")
        return files
    }

    private fun checkVersion(root: JsonNode) {
        val version = if (root.isObject) root.find("manifest")?.longOrNull else null
        if (version == VERSION) return
        throw Refusal(
            "MANIFEST-VERSION",
            when {
                version == null -> "$FILE says no schema version"
                version > VERSION -> "$FILE has schema version $version, which is unknown here"
                else -> "$FILE has schema version $version, which is expired"
            },
            "use an app that knows it, or build the bundle again with a current cxredge",
        )
    }

    /**
     * The id hashes the manifest's canonical text with an empty id. That text is the file itself, as cxredge writes
     * it: nothing is written anew here, where numbers might get other digits than Python gives them.
     */
    private fun checkId(bytes: ByteArray, id: String, head: String) {
        val text = bytes.toString(Charsets.UTF_8)
        val line = text.indexOf("$ID_LINE$id\"")
        val start = line + ID_LINE.length
        val emptied = if (line < 0) "" else text.removeRange(start, start + id.length)
        if (id != "$head-${Sha256.of(emptied.toByteArray()).take(ID_DIGITS)}") {
            throw Refusal("MANIFEST-ID", "$FILE was changed after it was written: its id does not fit", FIX)
        }
    }

    private fun float32(node: JsonNode): Float =
        node.number().toFloat().also { if (!it.isFinite()) node.wrong("it does not fit into float32") }

    private fun positive(node: JsonNode): Double =
        node.number().also { if (it <= 0) node.wrong("a number above 0 is expected") }

    private fun notNegative(node: JsonNode): Double =
        node.number().also { if (it < 0) node.wrong("a number of at least 0 is expected") }
}
