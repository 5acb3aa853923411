package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.app.R
import org.cxredge.app.session.FilmResult
import org.cxredge.app.session.FilmStage
import org.cxredge.app.session.FilmState
import org.cxredge.core.bundle.Accident
import org.cxredge.core.decision.ClassAnswer
import org.cxredge.core.decision.Findings
import org.cxredge.core.film.Colour
import org.cxredge.core.film.FilmKind
import org.cxredge.core.film.OtherKind

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
        is FilmState.Done -> said(state.result, resources)
        is FilmState.Refused -> {
            val words = RefusalWords.of(state.refusal.code)
            val text = if (mayConvert(state)) R.string.convert_text else R.string.go_on_text.takeIf { mayGoOn(state) }
            val offer = text?.let { "\n\n" + resources.getString(it) }.orEmpty()
            val detail = "${resources.getString(R.string.code, state.refusal.code)}\n${state.refusal.reason}"
            val advice = resources.getString(words.advice) + offer
            listOf(Message(Tone.BAD, resources.getString(words.title), advice, detail))
        }
        else -> emptyList()
    }

    /** Whether to offer turning colour to grey: only once, and only where colour is what was refused. */
    fun mayConvert(state: FilmState): Boolean =
        state is FilmState.Refused && state.refusal.code == "IMG-COLOUR" && state.request.colour == Colour.REFUSE

    /** Whether to offer going on: only once, and only where the kind of film is what was refused. */
    fun mayGoOn(state: FilmState): Boolean =
        state is FilmState.Refused && state.refusal is OtherKind && !state.request.otherKinds

    /** Whether the film looks as if it was exported or held wrongly: then somebody looks at it before an answer is shown. */
    fun asks(state: FilmState): Boolean = state is FilmState.Done && state.result.decision.quality.any { it.suspected }

    /** What the film looks like, what to do, and every other warning; nothing of the answer. */
    fun warnings(state: FilmState, resources: Resources): List<Message> =
        (state as? FilmState.Done)?.let { warnings(it.result, resources) }.orEmpty()

    private fun summary(result: FilmResult, resources: Resources): String = when (val said = result.decision) {
        is Findings -> {
            val positive = said.findings.filter { it.positive }.sortedByDescending { it.margin }
            val names = positive.joinToString { it.label.shown(resources) }
            if (positive.isEmpty()) resources.getString(R.string.none_positive)
            else resources.getString(R.string.some_positive, names)
        }
        is ClassAnswer -> said.answer?.let { resources.getString(R.string.answer, it.label.shown(resources)) }
            ?: resources.getString(R.string.uncertain)
    }

    private fun said(result: FilmResult, resources: Resources): List<Message> {
        val decision = result.decision
        val answer = (decision as? ClassAnswer)?.let { answer(it, resources) }
        val (uncertain, certain) = listOfNotNull(answer).partition { it.tone == Tone.WARNING }
        return uncertain + warnings(result, resources) + certain
    }

    /** One class of several with its margin, or that there is none: a warning, never a finding like another. */
    private fun answer(decision: ClassAnswer, resources: Resources): Message {
        val nearest = decision.nearest.label.shown(resources)
        val next = decision.runnerUp.label.shown(resources)
        val odds = decision.nearest.logOdds
        val least = decision.leastMargin
        return if (decision.answer == null) {
            val text = resources.getString(R.string.uncertain_text, nearest, odds, least, next)
            Message(Tone.WARNING, resources.getString(R.string.uncertain_title), text)
        } else {
            val text = resources.getString(R.string.answer_text, odds, least, next)
            Message(Tone.PLAIN, resources.getString(R.string.answer_title), text)
        }
    }

    private fun warnings(result: FilmResult, resources: Resources): List<Message> {
        fun warning(title: Int, text: Int) =
            Message(Tone.WARNING, resources.getString(title), resources.getString(text))
        val decision = result.decision
        return otherKind(result, resources) + accidents(result, resources) + listOfNotNull(
            warning(R.string.unlike_title, R.string.unlike_text)
                .takeIf { decision.novelty?.unlikeTrainingFilms == true },
            warning(R.string.greyed_title, R.string.greyed_text).takeIf { result.film.greyed },
            warning(R.string.phantom_title, R.string.phantom_text).takeIf { result.model.learntFrom.phantoms },
        )
    }

    private fun accidents(result: FilmResult, resources: Resources): List<Message> =
        result.decision.quality.filter { it.suspected }.map {
            val (title, text) = accident(it.accident)
            Message(Tone.WARNING, resources.getString(title), resources.getString(text))
        }

    private fun otherKind(result: FilmResult, resources: Resources): List<Message> {
        if (result.passedOver.isEmpty()) return emptyList()
        val names = result.passedOver.joinToString { (kind, value) ->
            when (kind) {
                FilmKind.MODALITY -> value?.let { resources.getString(R.string.said_modality, it) }
                    ?: resources.getString(R.string.said_no_modality)
                FilmKind.BODY_PART -> resources.getString(R.string.said_body_part, value)
                FilmKind.VIEW -> resources.getString(R.string.said_view, value)
            }
        }
        val text = resources.getString(R.string.other_kind_text, names)
        return listOf(Message(Tone.WARNING, resources.getString(R.string.other_kind_title), text))
    }

    /** Title and text of a warning: string resources. */
    private fun accident(accident: Accident): Pair<Int, Int> = when (accident) {
        Accident.INVERTED -> R.string.inverted_title to R.string.inverted_text
        Accident.UPSIDE_DOWN -> R.string.upside_down_title to R.string.upside_down_text
        Accident.TURNED -> R.string.turned_title to R.string.turned_text
        Accident.MIRRORED -> R.string.mirrored_title to R.string.mirrored_text
    }

    /** How unlike the training films the film is, or that the model does not say it. */
    fun novelty(result: FilmResult, resources: Resources): String {
        val novelty = result.decision.novelty ?: return resources.getString(R.string.novelty_absent)
        return resources.getString(R.string.novelty, novelty.score, novelty.threshold)
    }
}
