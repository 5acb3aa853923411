package org.cxredge.core.bundle

/** One model file of the bundle. */
class Artifact(
    /** target/scheme, for example executorch/w8a8. */
    val name: String,
    /** Of the file in the bundle, its size, and its hash in hexadecimal. */
    val path: String,
    val bytes: Long,
    val sha256: String,
    /** NCHW or NHWC: layout of the image, and of the map. */
    val layout: String,
    /** What it gives, in this order. */
    val outputs: List<OutputTensor>,
    val tolerance: Tolerance,
    /** sigmoid (or softmax) of logit / temperature is what may be shown as a probability. */
    val temperature: Double,
    /** Labels whose parity figures rest, or may rest, on too few patients, with what the verdict says of it. */
    val tooFew: Map<String, String>,
) {
    /** What must run it: executorch, tflite and so on. */
    val target: String get() = name.substringBefore('/')

    /** Shape of the map; null: there is none. */
    val cam: CamShape?
        get() = outputs.find { it.output == Output.CAM }?.run {
            if (layout == "NCHW") CamShape(shape[1], shape[2], shape[3]) else CamShape(shape[3], shape[1], shape[2])
        }
}

/** What a model may give, in the order in which every artifact gives it. */
enum class Output(
    /** Name in manifest and artifact. */
    val word: String,
) {
    LOGITS("logits"),
    CAM("cam"),
    NOVELTY("novelty"),
    QUALITY("quality"),
}

/** One output of an artifact. [shape]: with the film's axis of 1 in front. */
data class OutputTensor(val output: Output, val shape: List<Int>) {
    /** How many values it has. */
    val size: Int get() = shape.fold(1, Int::times)
}

/** Shape of the map: one cell a row and column, and that for each class (label). */
data class CamShape(val classes: Int, val rows: Int, val columns: Int)

/** How far an app's own outputs may be from the self-test's expected ones. [allowed]: for each that the model gives. */
class Tolerance(private val allowed: Map<Output, Double>) {
    /** How far each value of [output] may be from what is expected; for novelty, as a share of that. */
    operator fun get(output: Output): Double = allowed.getValue(output)
}
