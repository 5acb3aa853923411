package org.cxredge.app.session

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Model
import org.cxredge.core.decision.ClassAnswer
import org.cxredge.core.decision.Decision
import org.cxredge.core.decision.Findings
import org.cxredge.core.film.Colour
import org.cxredge.core.film.DisplayPicture
import org.cxredge.core.film.Film
import org.cxredge.core.film.PassedOver
import org.cxredge.core.model.Outputs

/** A film that somebody chose. Equal requests are the same film, so that a turned screen does not start again. */
data class FilmRequest(
    /** Its address, as the system's picker gave it. */
    val address: String,
    val colour: Colour,
    /** Whether to go on with a film of another modality, body part or view than the model takes. */
    val otherKinds: Boolean = false,
)

/** Reads a film's bytes; calls [Job.check] while it waits. Throws [Refusal] FILM-ACCESS, IMG-SIZE. */
fun interface FilmReader {
    fun read(address: String, job: Job): ByteArray
}

enum class FilmStage { READING, PREPROCESSING, INFERENCE }

/** What was found, with all that is needed to show it. */
class FilmResult(
    val film: Film,
    /** The film for people, at most [Analysis.SIDE] pixels wide and high. */
    val picture: DisplayPicture,
    val model: Model,
    val outputs: Outputs,
    val decision: Decision,
    /** What of the film's header is not as the model takes it. */
    val passedOver: List<PassedOver>,
) {
    /** Index of the label that is looked at first: furthest above its operating point, or the nearest class. */
    val foremost: Int
        get() = when (decision) {
            is Findings -> decision.findings.indices.maxBy { decision.findings[it].margin }
            is ClassAnswer -> decision.classes.indexOf(decision.nearest)
        }
}

sealed interface FilmState {
    /** The film in question; null: there is none. */
    val request: FilmRequest?

    data object None : FilmState {
        override val request: FilmRequest? = null
    }

    /** Until the verdict is there; for ever when it is not [Verdict.Passed]. */
    data class Waiting(override val request: FilmRequest) : FilmState

    data class Working(override val request: FilmRequest, val stage: FilmStage) : FilmState

    data class Done(override val request: FilmRequest, val result: FilmResult) : FilmState

    data class Refused(override val request: FilmRequest, val refusal: Refusal) : FilmState
}
