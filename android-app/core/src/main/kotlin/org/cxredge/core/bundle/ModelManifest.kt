package org.cxredge.core.bundle

import org.cxredge.core.Refusal
import org.cxredge.core.film.InputSpec

/** What an app needs of a bundle's manifest (schema version 1); the whole is described by docs/schemas. */
class ModelManifest(
    /** Name, version, and the first digits of a hash over everything else in the manifest. */
    val id: String,
    /** host, android or ios. */
    val kind: String,
    /** Of the model: lower case, as in its recipe. */
    val name: String,
    val version: ModelVersion,
    /** SPDX identifier, or words, of the model's licence. */
    val licence: String,
    /** Whether the model learnt from phantoms (drawn films) only. */
    val phantom: Boolean,
    /** In the order of the logits. */
    val labels: List<String>,
    val labelsKind: LabelsKind,
    /** Logits, one a label, compared in float32. */
    val operatingPoints: FloatArray,
    /** How each operating point was chosen, in words, one a label. */
    val operatingRules: List<String>,
    /** A novelty score above it means that the film is unlike the training films. */
    val noveltyThreshold: Double,
    val noveltyRule: String,
    val input: InputSpec,
    val artifacts: List<Artifact>,
    /** Name of the artifact that the bundle wants to be used first. */
    val primary: String,
    /** What was verified, where and on which films, and what was not. */
    val statement: String,
    val summary: String,
    val intendedUse: String,
    val limitations: List<String>,
    /** Path of the self-test's vectors. */
    val selfTest: String,
) {
    /** The artifact of that name. Throws [Refusal] BUNDLE-ARTIFACT. */
    fun artifact(name: String): Artifact = artifacts.find { it.name == name } ?: throw Refusal(
        "BUNDLE-ARTIFACT",
        "the bundle $id has no artifact $name",
        "choose one of ${artifacts.joinToString { it.name }}",
    )
}

/** What the logits mean together. */
enum class LabelsKind {
    /** Each label for itself: sigmoids. */
    MULTI_LABEL,

    /** One label excludes the others: a softmax. */
    SINGLE_LABEL,
}

/** One model file of the bundle. */
class Artifact(
    /** target/scheme, for example executorch/w8a8. */
    val name: String,
    val target: String,
    /** How numbers are stored: fp32, fp16, w8 or w8a8. */
    val scheme: String,
    /** Of the file in the bundle, its size, and its hash in hexadecimal. */
    val path: String,
    val bytes: Long,
    val sha256: String,
    /** NCHW or NHWC: layout of the image, and of the map. */
    val layout: String,
    /** Classes, rows and columns of the map. */
    val cam: CamShape,
    val tolerance: Tolerance,
    /** sigmoid (or softmax) of logit / temperature is what may be shown as a probability. */
    val temperature: Double,
    /** Labels whose parity figures rest, or may rest, on too few patients, with what the verdict says of it. */
    val tooFew: Map<String, String>,
)

/** Shape of the map: one cell a row and column, and that for each class (label). */
data class CamShape(val classes: Int, val rows: Int, val columns: Int)

/** How far an app's own outputs may be from the self-test's expected ones: logits, logits, share of the expected. */
class Tolerance(val logitsAbs: Double, val camAbs: Double, val noveltyRel: Double)
