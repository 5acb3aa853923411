package org.cxredge.app

import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.provider.MediaStore
import android.view.View
import android.widget.ProgressBar
import android.widget.TextView
import android.widget.Toast
import org.cxredge.app.platform.SharedFiles
import org.cxredge.app.session.Verdict
import org.cxredge.app.view.Notice
import org.cxredge.app.view.find
import org.cxredge.app.view.say
import org.cxredge.app.view.visible
import org.cxredge.app.words.VerdictWords

/** The verdict on the model, and what can be done with it. */
class MainActivity : Screen(R.layout.main, first = true) {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        // one that outlived its screen, because the app was swept away
        if (savedInstanceState == null) SharedFiles.photograph(this).delete()
        find<View>(R.id.retry).setOnClickListener { session.retry() }
        find<View>(R.id.pick).setOnClickListener { ask(PICK, picker(), R.string.no_picker) }
        find<View>(R.id.photograph).setOnClickListener { ask(PHOTOGRAPH, camera(), R.string.no_camera) }
        find<View>(R.id.benchmark).setOnClickListener { open(BenchmarkActivity::class.java) }
        find<View>(R.id.log).setOnClickListener { open(LogActivity::class.java) }
        find<View>(R.id.about).setOnClickListener { open(AboutActivity::class.java) }
    }

    override fun show() {
        val verdict = session.state.verdict
        val words = VerdictWords.of(verdict, resources)
        Notice.paint(
            find(R.id.verdict),
            words.tone,
            R.id.verdict_title,
            R.id.verdict_text,
            R.id.verdict_detail,
        )
        find<TextView>(R.id.verdict_title).say(words.title)
        find<TextView>(R.id.verdict_text).say(words.text)
        find<TextView>(R.id.verdict_detail).say(words.detail)
        find<ProgressBar>(R.id.verdict_progress).apply {
            val step = verdict as? Verdict.Checking
            visible(step != null || verdict == Verdict.Unchecked)
            isIndeterminate = step == null || step.all == 0
            max = step?.all ?: 0
            progress = step?.done ?: 0
        }
        find<View>(R.id.retry).visible(verdict is Verdict.Refused || verdict is Verdict.Failed)
        val ready = verdict is Verdict.Passed
        listOf(R.id.pick, R.id.photograph).forEach { find<View>(it).isEnabled = ready }
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        if (resultCode != RESULT_OK) {
            if (requestCode == PHOTOGRAPH) SharedFiles.photograph(this).delete()
            return
        }
        val film: Uri = when (requestCode) {
            PICK -> data?.data
            PHOTOGRAPH -> SharedFiles.PHOTOGRAPH
            else -> null
        } ?: return
        startActivity(Intent(this, FilmActivity::class.java).setData(film))
    }

    /** Many DICOM files have a type that no phone knows; what a file is, is read from its first bytes anyway. */
    private fun picker(): Intent = Intent(Intent.ACTION_OPEN_DOCUMENT)
        .addCategory(Intent.CATEGORY_OPENABLE)
        .setType("*/*")
        .putExtra(Intent.EXTRA_MIME_TYPES, arrayOf("image/*", "application/dicom", "application/octet-stream"))

    private fun camera(): Intent = Intent(MediaStore.ACTION_IMAGE_CAPTURE)
        .putExtra(MediaStore.EXTRA_OUTPUT, SharedFiles.PHOTOGRAPH)
        .addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION)

    private fun ask(code: Int, intent: Intent, absent: Int) = try {
        startActivityForResult(intent, code)
    } catch (_: ActivityNotFoundException) {
        Toast.makeText(this, absent, Toast.LENGTH_LONG).show()
    }

    private fun open(screen: Class<out Screen>) = startActivity(Intent(this, screen))

    private companion object {
        const val PICK = 1
        const val PHOTOGRAPH = 2
    }
}
