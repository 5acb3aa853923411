package org.cxredge.app.session

import org.cxredge.core.Colour
import org.cxredge.core.Decision
import org.cxredge.core.Film
import org.cxredge.core.InputSpec
import org.cxredge.core.Outputs
import org.cxredge.core.Picture
import org.cxredge.core.Refusal

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
    val picture: Picture,
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
