package org.cxredge.app.platform

import android.os.Build
import android.view.View
import android.view.WindowInsets

/** Keeps a screen clear of the system's bars and of cut-outs. */
object Insets : View.OnApplyWindowInsetsListener {
    /** Before API 30 the system's own decoration does it: an app cannot be made to draw edge to edge there. */
    fun keepClear(view: View) {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) view.setOnApplyWindowInsetsListener(this)
    }

    @GuardedApi
    override fun onApplyWindowInsets(view: View, insets: WindowInsets): WindowInsets {
        val clear = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout())
        view.setPadding(clear.left, clear.top, clear.right, clear.bottom)
        return WindowInsets.CONSUMED
    }
}
