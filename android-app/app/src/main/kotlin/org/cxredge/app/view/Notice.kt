package org.cxredge.app.view

import android.content.res.ColorStateList
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.cxredge.app.R
import org.cxredge.app.words.Message
import org.cxredge.app.words.Tone

/** A card with a message; its tone is a colour, and never the only sign. */
object Notice {
    /** Puts [messages] in the place of what [parent] held. */
    fun replace(parent: ViewGroup, messages: List<Message>) {
        parent.removeAllViews()
        messages.forEach { add(parent, it) }
    }

    private fun add(parent: ViewGroup, message: Message) {
        val card = LayoutInflater.from(parent.context).inflate(R.layout.notice, parent, false)
        card.find<TextView>(R.id.notice_title).text = message.title
        card.find<TextView>(R.id.notice_text).text = message.text
        card.find<TextView>(R.id.notice_detail).say(message.detail)
        paint(card, message.tone, R.id.notice_title, R.id.notice_text, R.id.notice_detail)
        parent.addView(card)
    }

    /** Gives a card, and the texts on it, the colours of [tone]. */
    fun paint(card: View, tone: Tone, vararg texts: Int) {
        val (ground, text) = when (tone) {
            Tone.PLAIN -> R.color.surface to R.color.text
            Tone.GOOD -> R.color.good_ground to R.color.on_good
            Tone.WARNING -> R.color.warning_ground to R.color.on_warning
            Tone.BAD -> R.color.bad_ground to R.color.on_bad
        }
        card.backgroundTintList = ColorStateList.valueOf(card.context.getColor(ground))
        texts.forEach { card.find<TextView>(it).setTextColor(card.context.getColor(text)) }
    }
}

/** Shows [text], or nothing at all when it is empty. Equal text is not set again: a screen reader would repeat it. */
fun TextView.say(text: CharSequence) {
    if (this.text.toString() != text.toString()) this.text = text
    visible(text.isNotEmpty())
}

fun View.visible(yes: Boolean) {
    visibility = if (yes) View.VISIBLE else View.GONE
}
