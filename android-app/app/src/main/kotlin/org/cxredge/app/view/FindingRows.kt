package org.cxredge.app.view

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.TextView
import org.cxredge.app.R
import org.cxredge.app.session.FilmResult
import org.cxredge.app.words.FindingWords

/** The findings, furthest above its operating point first; a tap on one chooses it. */
object FindingRows {
    fun show(parent: ViewGroup, result: FilmResult, chosen: Int, choose: (Int) -> Unit) {
        val findings = result.decision.findings
        val order = findings.indices.sortedByDescending { findings[it].margin }
        order.forEachIndexed { place, label ->
            // rows are kept, so that a screen reader stays on the one that was tapped
            val row = parent.getChildAt(place) ?: LayoutInflater.from(parent.context)
                .inflate(R.layout.finding, parent, false).also { parent.addView(it) }
            val words = FindingWords.of(findings[label], parent.resources)
            row.find<TextView>(R.id.label).text = words.label
            row.find<FindingBar>(R.id.bar).margin = findings[label].margin
            row.find<TextView>(R.id.words).text = words.margin
            row.find<TextView>(R.id.too_few).say(words.tooFew.orEmpty())
            row.contentDescription = words.spoken
            row.isSelected = label == chosen
            row.setOnClickListener { choose(label) }
            row.accessibilityDelegate = NameOfTap
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
