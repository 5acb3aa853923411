package org.cxredge.app.view

import android.view.LayoutInflater
import android.view.ViewGroup
import android.widget.TextView
import org.cxredge.app.R

/** A list of names and values, one below the other, so that large type has room. */
object Facts {
    fun add(parent: ViewGroup, name: Int, value: String) {
        val row = LayoutInflater.from(parent.context).inflate(R.layout.figure, parent, false)
        row.find<TextView>(R.id.figure_name).setText(name)
        row.find<TextView>(R.id.figure_value).text = value
        parent.addView(row)
    }
}
