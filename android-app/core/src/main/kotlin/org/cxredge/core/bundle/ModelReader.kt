package org.cxredge.core.bundle

import org.cxredge.core.film.Fit
import org.cxredge.core.film.InputSpec
import org.cxredge.core.film.NoWindow
import org.cxredge.core.json.JsonNode

/** The manifest's record of the model. */
internal object ModelReader {
    private val NAME = Regex("[a-z][a-z0-9-]{0,39}")
    private val LABEL = Regex("[A-Za-z][A-Za-z0-9_]{0,39}")
    private val DICOM_CODE = Regex("[A-Z0-9_]([A-Z0-9_ ]{0,14}[A-Z0-9_])?")
    private val LANGUAGE = Regex("[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
    private val LABELS = 1..64
    private val TEXT = 1..200
    private val SHORT = 1..80
    private val SIDES = 16..1024
    private val DICOM_CODES = 1..32
    private val OF_DICOM_FILMS = setOf("modalities", "body_parts", "views")
    private const val PREPROCESSING = 1L

    /** What an app says where no class is certain enough. */
    private const val NO_ANSWER = "uncertain"
    private val CHANNELS = listOf(1, 3)
    private val FITS = mapOf("pad" to Fit.PAD, "crop" to Fit.CROP, "squash" to Fit.SQUASH)
    private val NO_WINDOWS = mapOf("stored-range" to NoWindow.STORED_RANGE, "min-max" to NoWindow.MIN_MAX)
    private val HEATMAPS =
        mapOf("exact" to HeatmapKind.EXACT, "gradient" to HeatmapKind.GRADIENT, "none" to HeatmapKind.NONE)
    private val ACCIDENTS = mapOf(
        "inverted" to Accident.INVERTED,
        "upside-down" to Accident.UPSIDE_DOWN,
        "turned" to Accident.TURNED,
        "mirrored" to Accident.MIRRORED,
    )

    /** Throws [org.cxredge.core.Refusal] MANIFEST-SCHEMA. */
    fun read(node: JsonNode): Model {
        node.record(
            "name", "version", "licence", "labels", "decision", "input", "heatmap", "novelty", "quality", "learnt_from",
        )
        val labels = labels(node["labels"])
        val rule = rule(node["decision"], labels.map { it.name })
        if (rule is SingleLabel) node["labels"].elements().forEach(::answer)
        return Model(
            name = node["name"].text(NAME),
            version = ModelVersion.parse(node["version"].text()),
            licence = node["licence"].line(TEXT),
            labels = labels,
            rule = rule,
            input = input(node["input"]),
            heatmap = node["heatmap"].choice(HEATMAPS),
            noveltyThreshold = node["novelty"].orNull { above(it.record("threshold")["threshold"]) },
            quality = node["quality"].orNull(::quality).orEmpty(),
            learntFrom = learntFrom(node["learnt_from"]),
        )
    }

    private fun labels(node: JsonNode): List<Label> {
        val records = node.elements(LABELS).onEach { it.record("name", "display") }
        val names = records.map { it["name"].text(LABEL) }
        if (names.toSet().size != names.size) node.wrong("a label appears twice")
        val display = records.map { record -> record["display"].entries().mapValues { (_, name) -> shown(name) } }
        for ((record, words) in records.zip(display)) {
            if (words.keys != display[0].keys) record["display"].wrong("other labels have names in other languages")
            if (!words.keys.all(LANGUAGE::matches)) record["display"].wrong("a key is no language")
        }
        for (language in display[0].keys) {
            val words = display.map { it[language] }
            if (words.toSet().size != words.size) node.wrong("two labels have the same name in the language $language")
        }
        return names.zip(display, ::Label)
    }

    /** A label's name for people. */
    private fun shown(node: JsonNode): String =
        node.line(SHORT).also { if (it != it.trim()) node.wrong("it begins or ends with white space") }

    /** Refuses a class that could not be told from the lack of an answer. */
    private fun answer(label: JsonNode) {
        val said = label["display"].entries().values + label["name"]
        said.find { it.text().lowercase() == NO_ANSWER }?.wrong("no class may be called $NO_ANSWER")
    }

    private fun rule(node: JsonNode, labels: List<String>): DecisionRule {
        val read = mapOf(
            "multi-label" to {
                val points = node.record("kind", "operating_points")["operating_points"].record(*labels.toTypedArray())
                MultiLabel(FloatArray(labels.size) { points[labels[it]].float() })
            },
            "single-label" to {
                if (labels.size < 2) node.wrong("one class alone excludes nothing")
                val margin = node.record("kind", "least_margin")["least_margin"]
                SingleLabel(margin.float().also { if (it < 0) margin.wrong("it is below 0") })
            },
        )
        return node["kind"].choice(read)()
    }

    private fun input(node: JsonNode): InputSpec {
        node.record(
            "spec", "channels", "height", "width", "fit", "pad_value", "no_window", optional = OF_DICOM_FILMS,
        )
        node["spec"].long(PREPROCESSING..PREPROCESSING)
        val channels = node["channels"].int()
        if (channels !in CHANNELS) node["channels"].wrong("1 or 3 is expected")
        return InputSpec(
            channels = channels,
            height = node["height"].int(SIDES),
            width = node["width"].int(SIDES),
            fit = node["fit"].choice(FITS),
            padValue = node["pad_value"].int(0..255),
            noWindow = node["no_window"].choice(NO_WINDOWS),
            modalities = codes(node.find("modalities")),
            bodyParts = codes(node.find("body_parts")),
            views = codes(node.find("views")),
        )
    }

    /** Codes that a film's must be among; no such key: any. */
    private fun codes(node: JsonNode?): List<String> {
        val codes = node?.elements(DICOM_CODES)?.map { it.text(DICOM_CODE) }.orEmpty()
        if (codes.toSet().size != codes.size) node?.wrong("a code appears twice")
        return codes
    }

    private fun quality(node: JsonNode): List<QualityRule> {
        val rules = node.elements(1..ACCIDENTS.size).map {
            it.record("kind", "threshold")
            QualityRule(it["kind"].choice(ACCIDENTS), within(it["threshold"]))
        }
        if (rules.distinctBy { it.accident }.size != rules.size) node.wrong("a kind appears twice")
        return rules
    }

    private fun learntFrom(node: JsonNode): LearntFrom {
        node.record("kind", "data")
        val phantoms = node["kind"].choice(mapOf("phantoms" to true, "films" to false))
        return LearntFrom(phantoms, node["data"].line(SHORT))
    }

    /** A number that stays finite as float32, as it stands. */
    private fun within(node: JsonNode): Double = node.number().also { node.float() }

    private fun above(node: JsonNode): Double = within(node).also { if (it <= 0) node.wrong("it is not above 0") }
}
