package org.cxredge.core

/** What an app needs of a bundle's manifest (schema version 1); the whole is described by docs/schemas. */
class Manifest(
    val id: String,
    val kind: String,
    val name: String,
    val version: Version,
    val licence: String,
    /** Whether the model learnt from phantoms (drawn films) only. */
    val phantom: Boolean,
    val labels: List<String>,
    /** Logits, one a label, compared in float32. */
    val operatingPoints: FloatArray,
    val operatingRules: List<String>,
    val noveltyThreshold: Double,
    val noveltyRule: String,
    val input: InputSpec,
    val artifacts: List<Artifact>,
    /** Name of the artifact that the bundle wants to be used first. */
    val primary: String,
    val statement: String,
    val summary: String,
    val intendedUse: String,
    val limitations: List<String>,
    val selfTest: String,
) {
    /** Throws [Refusal] BUNDLE-ARTIFACT. */
    fun artifact(name: String): Artifact = TODO()
}

/** One model file of the bundle. */
class Artifact(
    /** target/scheme, for example executorch/w8a8. */
    val name: String,
    val target: String,
    val scheme: String,
    val path: String,
    val bytes: Long,
    val sha256: String,
    /** NCHW or NHWC: layout of the image, and of the map. */
    val layout: String,
    /** Classes, rows and columns of the map. */
    val cam: CamShape,
    val tolerance: Tolerance,
    /** sigmoid(logit / temperature) is what may be shown as a probability. */
    val temperature: Double,
    /** Labels whose parity figures rest on too few patients, with what the verdict says of it. */
    val tooFew: Map<String, String>,
)

data class CamShape(val classes: Int, val rows: Int, val columns: Int)

/** How far an app's own outputs may be from the self-test's expected ones. */
class Tolerance(val logitsAbs: Double, val camAbs: Double, val noveltyRel: Double)

enum class Fit { PAD, CROP, SQUASH }

enum class NoWindow { STORED_RANGE, MIN_MAX }

/** Preprocessing as data: docs/preprocessing.md. */
data class InputSpec(
    val channels: Int,
    val height: Int,
    val width: Int,
    val fit: Fit,
    val padValue: Int,
    val noWindow: NoWindow,
)
