package org.cxredge.app

import android.app.Activity
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.cxredge.app.platform.Insets
import org.cxredge.app.session.Session
import org.cxredge.app.view.find
import org.cxredge.app.view.visible

/** A page below a title, which draws the session's state and is told when it changes. */
abstract class Screen(private val layout: Int, private val first: Boolean = false) : Activity() {
    protected val session: Session get() = (application as App).session
    private val listener: () -> Unit = { draw() }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.screen)
        layoutInflater.inflate(layout, find<ViewGroup>(R.id.content), true)
        Insets.keepClear(find(R.id.screen))
        find<TextView>(R.id.title).text = title
        find<View>(R.id.back).apply {
            visible(!first)
            setOnClickListener { finish() }
        }
        session.start()
    }

    override fun onStart() {
        super.onStart()
        session.listen(listener)
        draw()
    }

    override fun onStop() {
        session.unlisten(listener)
        super.onStop()
    }

    private fun draw() {
        find<View>(R.id.development).visible(session.state.checked?.bundle?.signedBy?.development == true)
        show()
    }

    /** Draws the session as it is now. */
    protected abstract fun show()
}
