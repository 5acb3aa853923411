package org.cxredge.app

import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.ProgressBar
import android.widget.RadioButton
import android.widget.RadioGroup
import android.widget.TextView
import org.cxredge.app.session.BenchmarkState
import org.cxredge.app.session.Verdict
import org.cxredge.app.view.Facts
import org.cxredge.app.view.find
import org.cxredge.app.view.say
import org.cxredge.app.view.visible
import org.cxredge.app.words.BenchmarkWords

/** How fast this phone runs the model. */
class BenchmarkActivity : Screen(R.layout.benchmark) {
    private val threads = mapOf(R.id.threads_1 to 1, R.id.threads_2 to 2, R.id.threads_4 to 4)

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        find<View>(R.id.measure).setOnClickListener {
            val chosen = find<RadioGroup>(R.id.threads).checkedRadioButtonId
            session.measure(threads.getValue(chosen))
        }
        find<View>(R.id.cancel).setOnClickListener { session.cancelMeasuring() }
    }

    override fun onDestroy() {
        if (isFinishing) session.cancelMeasuring()
        super.onDestroy()
    }

    override fun show() {
        val now = session.state
        val state = now.benchmark
        val running = state as? BenchmarkState.Running
        val passed = now.verdict is Verdict.Passed
        find<View>(R.id.measure).apply {
            visible(running == null)
            isEnabled = passed
        }
        find<View>(R.id.cancel).visible(running != null)
        threads.keys.forEach { find<RadioButton>(it).isEnabled = passed && running == null }
        find<TextView>(R.id.status).say(BenchmarkWords.status(state, passed, resources))
        find<ProgressBar>(R.id.progress).apply {
            visible(running != null)
            max = running?.all ?: 0
            progress = running?.done ?: 0
        }
        find<ViewGroup>(R.id.figures).apply {
            val figures = (state as? BenchmarkState.Done)?.let { BenchmarkWords.figures(it.benchmark, resources) }
            visible(figures != null)
            removeAllViews()
            figures?.forEach { (name, value) -> Facts.add(this, name, value) }
        }
    }
}
