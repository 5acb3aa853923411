package org.cxredge.app.session

import org.cxredge.core.Refusal
import org.cxredge.core.decision.Decision
import org.cxredge.core.film.Colour
import org.cxredge.core.film.DisplayPicture
import org.cxredge.core.film.Film
import org.cxredge.core.film.InputSpec
import org.cxredge.core.model.Outputs

/** A film that somebody chose. Equal requests are the same film, so that a turned screen does not start again. */
data class FilmRequest(
    /** Its address, as the system's picker gave it. */
    val address: String,
    val colour: Colour,
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
    val spec: InputSpec,
    val outputs: Outputs,
    val decision: Decision,
    /** Whether the model learnt from phantoms only. */
    val phantom: Boolean,
) {
    /** Index of the label that is furthest above its operating point, or the least below. */
    val strongest: Int get() = decision.findings.indices.maxBy { decision.findings[it].margin }
}

sealed interface FilmState {
    data object None : FilmState

    /** Until the verdict is there; for ever when it is not [Verdict.Passed]. */
    data class Waiting(val request: FilmRequest) : FilmState

    data class Working(val request: FilmRequest, val stage: FilmStage) : FilmState

    class Done(val request: FilmRequest, val result: FilmResult) : FilmState

    class Refused(val request: FilmRequest, val refusal: Refusal) : FilmState
}
