package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.app.R
import org.cxredge.app.session.FilmResult
import org.cxredge.app.session.FilmStage
import org.cxredge.app.session.FilmState
import org.cxredge.core.film.Colour

/** A card of text; [detail] is for whoever helps. */
class Message(val tone: Tone, val title: String, val text: String, val detail: String = "")

/** What is said of a film besides its findings. */
object FilmWords {
    /** One line, which a screen reader reads out when it changes. [barred]: the model did not pass its check. */
    fun status(state: FilmState, barred: Boolean, resources: Resources): String = when (state) {
        FilmState.None -> ""
        is FilmState.Waiting -> resources.getString(if (barred) R.string.not_analysed else R.string.waiting)
        is FilmState.Working -> resources.getString(
            when (state.stage) {
                FilmStage.READING -> R.string.stage_reading
                FilmStage.PREPROCESSING -> R.string.stage_preparing
                FilmStage.INFERENCE -> R.string.stage_inference
            },
        )
        is FilmState.Done -> summary(state.result, resources)
        is FilmState.Refused -> resources.getString(R.string.refused_film)
    }

    /** The gravest first. */
    fun messages(state: FilmState, resources: Resources): List<Message> = when (state) {
        is FilmState.Done -> warnings(state.result, resources)
        is FilmState.Refused -> {
            val words = RefusalWords.of(state.refusal.code)
            val offer = if (mayConvert(state)) "\n\n" + resources.getString(R.string.convert_text) else ""
            val detail = "${resources.getString(R.string.code, state.refusal.code)}\n${state.refusal.reason}"
            val advice = resources.getString(words.advice) + offer
            listOf(Message(Tone.BAD, resources.getString(words.title), advice, detail))
        }
        else -> emptyList()
    }

    /** Whether to offer turning colour to grey: only once, and only where colour is what was refused. */
    fun mayConvert(state: FilmState): Boolean =
        state is FilmState.Refused && state.refusal.code == "IMG-COLOUR" && state.request.colour == Colour.REFUSE

    private fun summary(result: FilmResult, resources: Resources): String {
        val positive = result.decision.findings.filter { it.positive }.sortedByDescending { it.margin }
        if (positive.isEmpty()) return resources.getString(R.string.none_positive)
        return resources.getString(R.string.some_positive, positive.joinToString { it.label })
    }

    private fun warnings(result: FilmResult, resources: Resources): List<Message> {
        fun warning(title: Int, text: Int) =
            Message(Tone.WARNING, resources.getString(title), resources.getString(text))
        return listOfNotNull(
            warning(R.string.unlike_title, R.string.unlike_text).takeIf { result.decision.unlikeTrainingFilms },
            warning(R.string.greyed_title, R.string.greyed_text).takeIf { result.film.greyed },
            warning(R.string.phantom_title, R.string.phantom_text).takeIf { result.phantom },
        )
    }
}
