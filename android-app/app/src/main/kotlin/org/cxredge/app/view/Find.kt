package org.cxredge.app.view

import android.app.Activity
import android.view.View

/** A view that the layout holds for certain. Throws IllegalArgumentException where it does not. */
fun <T : View> View.find(id: Int): T = requireNotNull(findViewById<T>(id))

/** As [View.find], in an activity's content. */
fun <T : View> Activity.find(id: Int): T = requireNotNull(findViewById<T>(id))
