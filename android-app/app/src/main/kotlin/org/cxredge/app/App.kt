package org.cxredge.app

import android.app.Application
import android.os.Handler
import android.os.Looper
import org.cxredge.app.platform.AcceptedInPreferences
import org.cxredge.app.platform.AndroidJpeg
import org.cxredge.app.platform.AssetKeys
import org.cxredge.app.platform.AssetTree
import org.cxredge.app.platform.BuiltInRuntime
import org.cxredge.app.platform.ContentFilms
import org.cxredge.app.platform.CrashFiles
import org.cxredge.app.platform.CrashRecorder
import org.cxredge.app.platform.EarlierRuns
import org.cxredge.app.platform.Thermal
import org.cxredge.app.session.MainThread
import org.cxredge.app.session.Services
import org.cxredge.app.session.Session
import org.cxredge.app.session.Worker
import java.io.File

/** Holds the session for as long as the process lives. */
open class App : Application() {
    open val session: Session by lazy { newSession() }

    protected val crashes: CrashFiles by lazy { CrashFiles(File(filesDir, "crashes")) }

    override fun onCreate() {
        super.onCreate()
        CrashRecorder.install(crashes)
    }

    protected fun newSession(): Session {
        val looper = Looper.getMainLooper()
        val main = Handler(looper)
        val worker = Worker(MainThread(looper.thread) { main.post(it) })
        return Session(services(), ContentFilms(contentResolver), { Thermal.status(this) }, worker)
    }

    /** What the app is made of. Tests put in a folder with a bundle, and a runtime that runs on a desktop. */
    protected open fun services(): Services = Services(
        bundle = AssetTree(assets, "model"),
        keys = { AssetKeys.read(assets) },
        runtime = { BuiltInRuntime.read(assets) },
        accepted = AcceptedInPreferences(getSharedPreferences("accepted", MODE_PRIVATE)),
        models = File(filesDir, "models"),
        jpeg = AndroidJpeg,
        crashes = { EarlierRuns.crashes(this, crashes) },
    )
}
