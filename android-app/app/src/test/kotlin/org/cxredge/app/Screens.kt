package org.cxredge.app

import android.content.Intent
import android.net.Uri
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.robolectric.Robolectric
import org.robolectric.android.controller.ActivityController

/** What tests do with the app's real screens. */
object Screens {
    /** Another model in the same app, as after an update: nothing is known of it yet. */
    fun use(kit: Kit) {
        TestApp.get().bundle = kit.folder()
        TestApp.get().die()
    }

    fun open(film: Uri): ActivityController<FilmActivity> {
        val intent = Intent(TestApp.get(), FilmActivity::class.java).setData(film)
        return Robolectric.buildActivity(FilmActivity::class.java, intent).setup()
    }

    fun leave(controller: ActivityController<FilmActivity>) {
        controller.get().finish()
        controller.pause().stop().destroy()
    }

    /** All that stands on [view], a line each. */
    fun text(view: View): String = when (view) {
        is ViewGroup -> (0 until view.childCount).joinToString("\n") { text(view.getChildAt(it)) }
        is TextView -> view.text.toString()
        else -> ""
    }
}
