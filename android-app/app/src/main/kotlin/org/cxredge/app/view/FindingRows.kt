package org.cxredge.app.view

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.TextView
import org.cxredge.app.R
import org.cxredge.app.words.FindingWords

/** Findings or classes, furthest above what the decision asks for first. */
object FindingRows {
    /** [choose]: what a tap on one does; null: there is nothing to choose it for. */
    fun show(parent: ViewGroup, rows: List<FindingWords>, chosen: Int, choose: ((Int) -> Unit)?) {
        val order = rows.indices.sortedByDescending { rows[it].margin }
        order.forEachIndexed { place, label ->
            // rows are kept, so that a screen reader stays on the one that was tapped
            val row = parent.getChildAt(place) ?: LayoutInflater.from(parent.context)
                .inflate(R.layout.finding, parent, false).also { parent.addView(it) }
            val words = rows[label]
            row.find<TextView>(R.id.label).text = words.label
            row.find<FindingBar>(R.id.bar).show(words.margin, words.stands)
            row.find<TextView>(R.id.words).text = words.sentence
            row.find<TextView>(R.id.too_few).say(words.tooFew.orEmpty())
            row.contentDescription = words.spoken
            if (choose != null) {
                row.isSelected = label == chosen
                row.setOnClickListener { choose(label) }
                row.accessibilityDelegate = NameOfTap
            } else {
                row.isClickable = false
            }
        }
    }

    private object NameOfTap : View.AccessibilityDelegate() {
        override fun onInitializeAccessibilityNodeInfo(host: View, info: AccessibilityNodeInfo) {
            super.onInitializeAccessibilityNodeInfo(host, info)
            val what = host.resources.getString(R.string.show_heat)
            info.addAction(AccessibilityNodeInfo.AccessibilityAction(AccessibilityNodeInfo.ACTION_CLICK, what))
        }
    }
}
