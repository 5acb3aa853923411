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
import org.cxredge.app.view.FilmPixels
import org.cxredge.app.view.FilmView
import org.cxredge.app.view.FindingRows
import org.cxredge.app.view.Notice
import org.cxredge.app.view.say
import org.cxredge.app.view.visible
import org.cxredge.app.words.FilmWords
import org.cxredge.app.words.FindingWords
import org.cxredge.core.Colour

/** One film: the address is the intent's data, so that the system brings it back when the process has died. */
class FilmActivity : Screen(R.layout.film) {
    private var colour = Colour.REFUSE
    private var shown: FilmResult? = null
    private var label = UNCHOSEN

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        savedInstanceState?.let {
            if (it.getBoolean(GREYED)) colour = Colour.TO_GREY
            label = it.getInt(LABEL, UNCHOSEN)
        }
        findViewById<View>(R.id.another).setOnClickListener { finish() }
        findViewById<View>(R.id.convert).setOnClickListener {
            colour = Colour.TO_GREY
            analyse()
        }
        val film = findViewById<FilmView>(R.id.film)
        findViewById<SeekBar>(R.id.opacity).apply {
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
        outState.putInt(LABEL, label)
    }

    override fun onDestroy() {
        if (isFinishing) {
            session.leaveFilm()
            if (intent.data == SharedFiles.PHOTOGRAPH) SharedFiles.photograph(this).delete()
        }
        super.onDestroy()
    }

    private fun analyse() = session.analyse(FilmRequest(intent.dataString.orEmpty(), colour))

    override fun show() {
        val state = session.film
        val barred = session.verdict is Verdict.Failed || session.verdict is Verdict.Refused
        findViewById<TextView>(R.id.status).say(FilmWords.status(state, barred, resources))
        findViewById<View>(R.id.progress).visible(
            state is FilmState.Working || state is FilmState.Waiting && !barred,
        )
        Notice.replace(findViewById(R.id.notices), FilmWords.messages(state, resources))
        findViewById<View>(R.id.convert).visible(FilmWords.mayConvert(state))
        val result = (state as? FilmState.Done)?.result
        findViewById<View>(R.id.result).visible(result != null)
        if (result != null && result !== shown) {
            shown = result
            if (label !in result.decision.findings.indices) label = result.strongest
            findViewById<TextView>(R.id.novelty).text = getString(
                R.string.novelty,
                result.decision.novelty,
                result.decision.noveltyThreshold,
            )
            choose(result)
        }
    }

    private fun choose(result: FilmResult) {
        val words = FindingWords.heat(result, label, resources)
        findViewById<TextView>(R.id.heat).text = words
        findViewById<FilmView>(R.id.film).apply {
            contentDescription = words
            show(FilmPixels.film(result), FilmPixels.heat(result, label), result.spec.width)
        }
        FindingRows.show(findViewById(R.id.findings), result, label) {
            label = it
            choose(result)
        }
    }

    private companion object {
        const val GREYED = "greyed"
        const val LABEL = "label"
        const val UNCHOSEN = -1
    }
}
