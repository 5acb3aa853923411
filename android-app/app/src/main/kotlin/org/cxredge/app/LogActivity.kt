package org.cxredge.app

import android.content.ClipData
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.widget.TextView
import org.cxredge.app.platform.LogText
import org.cxredge.app.platform.SharedFiles
import org.cxredge.app.view.find

/** Shows exactly what is shared, before it is. */
class LogActivity : Screen(R.layout.log) {
    private var text: String? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        find<View>(R.id.share).setOnClickListener { text?.let { share(it) } }
    }

    override fun show() {
        text = LogText.of(session.state, this)
        find<TextView>(R.id.log).text = text ?: getString(R.string.log_waiting)
        find<View>(R.id.share).isEnabled = text != null
    }

    private fun share(text: String) {
        SharedFiles.log(this).writeText(text)
        val send = Intent(Intent.ACTION_SEND)
            .setType("text/json")
            .putExtra(Intent.EXTRA_STREAM, SharedFiles.LOG)
            .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        send.clipData = ClipData.newRawUri("", SharedFiles.LOG)
        startActivity(Intent.createChooser(send, getString(R.string.share)))
    }
}
