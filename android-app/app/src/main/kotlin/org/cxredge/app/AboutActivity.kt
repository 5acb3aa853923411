package org.cxredge.app

import android.view.LayoutInflater
import android.view.ViewGroup
import android.widget.TextView
import org.cxredge.app.platform.Phone
import org.cxredge.app.session.Checked
import org.cxredge.app.view.Facts
import org.cxredge.app.view.find
import org.cxredge.app.words.AboutWords
import org.cxredge.app.words.CardText

/** The model and its card, the key that signed it, the runtime, licences. */
class AboutActivity : Screen(R.layout.about) {
    private var shown: Checked? = null

    override fun show() {
        val checked = session.state.checked
        if (checked != null && checked === shown) return
        shown = checked
        find<ViewGroup>(R.id.facts).apply {
            removeAllViews()
            AboutWords.facts(Phone.appVersion(context), checked, resources).forEach { (name, value) ->
                Facts.add(this, name, value)
            }
        }
        find<ViewGroup>(R.id.card).apply {
            removeAllViews()
            blocks(checked).forEach { block ->
                val layout = if (block is CardText.Heading) R.layout.card_heading else R.layout.card_paragraph
                val view = LayoutInflater.from(context).inflate(layout, this, false) as TextView
                view.text = block.text
                addView(view)
            }
        }
    }

    private fun blocks(checked: Checked?): List<CardText.Block> {
        if (checked == null) return listOf(CardText.Paragraph(getString(R.string.card_unavailable)))
        return CardText.blocks(checked.bundle.bytes("MODEL_CARD.md").toString(Charsets.UTF_8))
    }
}
