package org.cxredge.app

import android.os.Bundle
import android.view.View
import android.widget.SeekBar
import android.widget.TextView
import org.cxredge.app.platform.SharedFiles
import org.cxredge.app.session.FilmRequest
import org.cxredge.app.session.FilmResult
import org.cxredge.app.session.FilmState
import org.cxredge.app.session.Verdict
import org.cxredge.app.view.FilmView
import org.cxredge.app.view.FindingRows
import org.cxredge.app.view.Notice
import org.cxredge.app.view.find
import org.cxredge.app.view.say
import org.cxredge.app.view.visible
import org.cxredge.app.words.FilmWords
import org.cxredge.app.words.FindingWords
import org.cxredge.core.film.Colour

/** One film: the address is the intent's data, so that the system brings it back when the process has died. */
class FilmActivity : Screen(R.layout.film) {
    private var colour = Colour.REFUSE
    private var otherKinds = false
    private var despite = false
    private var shown: FilmResult? = null
    private var label = UNCHOSEN

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        savedInstanceState?.let {
            if (it.getBoolean(GREYED)) colour = Colour.TO_GREY
            otherKinds = it.getBoolean(OTHER_KINDS)
            despite = it.getBoolean(DESPITE)
            label = it.getInt(LABEL, UNCHOSEN)
        }
        find<View>(R.id.another).setOnClickListener { finish() }
        find<View>(R.id.convert).setOnClickListener {
            colour = Colour.TO_GREY
            analyse()
        }
        find<View>(R.id.go_on).setOnClickListener {
            otherKinds = true
            analyse()
        }
        find<View>(R.id.despite).setOnClickListener {
            despite = true
            shown = null
            show()
        }
        val film = find<FilmView>(R.id.film)
        find<SeekBar>(R.id.opacity).apply {
            film.opacity = progress / 100f
            setOnSeekBarChangeListener(
                object : SeekBar.OnSeekBarChangeListener {
                    override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
                        film.opacity = progress / 100f
                    }

                    override fun onStartTrackingTouch(bar: SeekBar) = Unit

                    override fun onStopTrackingTouch(bar: SeekBar) = Unit
                },
            )
        }
        analyse()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(GREYED, colour == Colour.TO_GREY)
        outState.putBoolean(OTHER_KINDS, otherKinds)
        outState.putBoolean(DESPITE, despite)
        outState.putInt(LABEL, label)
    }

    override fun onDestroy() {
        if (isFinishing) {
            session.leaveFilm()
            if (intent.data == SharedFiles.PHOTOGRAPH) SharedFiles.photograph(this).delete()
        }
        super.onDestroy()
    }

    private fun analyse() = session.analyse(FilmRequest(intent.dataString.orEmpty(), colour, otherKinds))

    override fun show() {
        val (verdict, state) = session.state
        val barred = verdict is Verdict.Failed || verdict is Verdict.Refused
        val asks = !despite && FilmWords.asks(state)
        find<TextView>(R.id.status).say(
            if (asks) resources.getString(R.string.look_first) else FilmWords.status(state, barred, resources),
        )
        find<View>(R.id.progress).visible(
            state is FilmState.Working || state is FilmState.Waiting && !barred,
        )
        Notice.replace(
            find(R.id.notices),
            if (asks) FilmWords.warnings(state, resources) else FilmWords.messages(state, resources),
        )
        find<View>(R.id.convert).visible(FilmWords.mayConvert(state))
        find<View>(R.id.go_on).visible(FilmWords.mayGoOn(state))
        // the film itself stays: it tells a person at once whether the question is right
        find<View>(R.id.despite).visible(asks)
        find<View>(R.id.answer).visible(!asks)
        find<FilmView>(R.id.film).bare = asks
        val result = (state as? FilmState.Done)?.result
        find<View>(R.id.result).visible(result != null)
        if (result != null && result !== shown) {
            shown = result
            if (label !in result.model.labels.indices) label = result.foremost
            find<TextView>(R.id.novelty).text = FilmWords.novelty(result, resources)
            find<TextView>(R.id.findings_title).setText(FindingWords.title(result.decision))
            find<TextView>(R.id.findings_hint).text = FindingWords.hint(result, resources)
            find<View>(R.id.heat_opacity).visible(result.outputs.cam != null)
            choose(result)
        }
        if (asks) find<FilmView>(R.id.film).contentDescription = resources.getString(R.string.look_first)
    }

    private fun choose(result: FilmResult) {
        val words = FindingWords.heat(result, label, resources)
        find<TextView>(R.id.heat).text = words
        find<FilmView>(R.id.film).apply {
            contentDescription = words
            show(result, label)
        }
        val tap = { tapped: Int ->
            label = tapped
            choose(result)
        }
        val rows = FindingWords.of(result.decision, resources)
        FindingRows.show(find(R.id.findings), rows, label, tap.takeIf { result.outputs.cam != null })
    }

    private companion object {
        const val GREYED = "greyed"
        const val OTHER_KINDS = "other kinds"
        const val DESPITE = "despite"
        const val LABEL = "label"
        const val UNCHOSEN = -1
    }
}
