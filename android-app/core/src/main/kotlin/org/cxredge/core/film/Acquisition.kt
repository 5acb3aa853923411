package org.cxredge.core.film

import org.cxredge.core.Refusal

/** Most bytes of an element that is asked; the standard has one value of 16 characters. */
private const val MAX_CODE = 1024

/** Characters of it that are shown. */
private const val SHOWN = 64

/** What a DICOM header says of a film, and a model may ask; images/acquisition.py is the reference. */
enum class FilmKind(
    /** Of the refusal. */
    val code: String,
    internal val tag: Int,
    internal val words: String,
) {
    MODALITY("IMG-MODALITY", DicomTag.MODALITY, "modality"),
    BODY_PART("IMG-BODY-PART", DicomTag.BODY_PART, "body part"),
    VIEW("IMG-VIEW", DicomTag.VIEW, "view"),
    ;

    /** The codes that a model takes; empty: any. */
    fun taken(spec: InputSpec): List<String> = when (this) {
        MODALITY -> spec.modalities
        BODY_PART -> spec.bodyParts
        VIEW -> spec.views
    }

    internal fun notAsked(spec: InputSpec): InputSpec = when (this) {
        MODALITY -> spec.copy(modalities = emptyList())
        BODY_PART -> spec.copy(bodyParts = emptyList())
        VIEW -> spec.copy(views = emptyList())
    }
}

/** What of a film is not as the model takes it. [value]: what the header says there, printable; null: nothing. */
data class PassedOver(val kind: FilmKind, val value: String?)

/** A film of another kind than the model takes. */
class OtherKind internal constructor(val found: PassedOver, taken: List<String>) : Refusal(
    found.kind.code,
    "the image is of ${found.value?.let { "${found.kind.words} $it" } ?: "no ${found.kind.words}"}, " +
        "and this model takes ${taken.joinToString()}",
    "choose a film that the model is for",
)

/**
 * Refuses a film whose header says another modality, body part or view than those of [spec], where it has any.
 *
 * Of an element with several values each must be taken. DICOM requires a modality of every film (PS3.3 C.7.3.1), so one
 * without is refused too; a film that says no body part or no view is taken. Throws [OtherKind], and a [Refusal]
 * IMG-DAMAGED for an element above [MAX_CODE] bytes.
 */
internal fun checkAcquisition(header: DicomHeader, spec: InputSpec) {
    for (kind in FilmKind.entries) {
        val taken = kind.taken(spec)
        if (taken.isEmpty()) continue
        val said = header.codes(kind)
        if (said.isEmpty() && kind == FilmKind.MODALITY) throw OtherKind(PassedOver(kind, null), taken)
        if (!taken.containsAll(said)) throw OtherKind(PassedOver(kind, shown(said)), taken)
    }
}

/**
 * [read] of a film by [spec] without those of its lists that refuse the film, and what was so passed over. For whoever
 * chose to go on: nothing else of the spec is loosened. Throws what [read] throws but [OtherKind].
 */
fun <T> passingOver(spec: InputSpec, read: (InputSpec) -> T): Pair<T, List<PassedOver>> {
    val passed = ArrayList<PassedOver>()
    var asked = spec
    while (true) {
        try {
            return read(asked) to passed
        } catch (other: OtherKind) {
            passed += other.found
            asked = other.found.kind.notAsked(asked)
        }
    }
}

/** The values of a code string: upper case, without padding, empty ones left out. */
private fun DicomHeader.codes(kind: FilmKind): List<String> {
    val element = this[kind.tag] ?: return emptyList()
    if (element.value.size > MAX_CODE) throw damaged("its header has no usable ${kind.words}")
    return String(element.value, Charsets.ISO_8859_1).split('\\')
        .map { value -> value.trim(' ', '\u0000').map(::capital).joinToString("") }
        .filter { it.isNotEmpty() }
}

/** ASCII alone: other letters may have capitals that are two, or that are ASCII. */
private fun capital(char: Char): Char = if (char in 'a'..'z') char.uppercaseChar() else char

/** A stranger's text: what is not plain ASCII as its number, and not all of much. */
private fun shown(codes: List<String>): String =
    codes.joinToString("\\").map { if (it in ' '..'~') "$it" else "\\x%02x".format(it.code) }
        .joinToString("").take(SHOWN)
