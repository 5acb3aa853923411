package org.cxredge.app

import org.cxredge.app.platform.AcceptedInPreferences
import org.cxredge.app.platform.AndroidJpeg
import org.cxredge.app.platform.EarlierRuns
import org.cxredge.app.session.Services
import org.cxredge.app.session.Session
import org.cxredge.core.bundle.FileTree
import org.cxredge.core.bundle.PinnedKey
import org.cxredge.core.model.ModelRuntime
import org.robolectric.RuntimeEnvironment
import org.robolectric.shadows.ShadowLooper
import java.io.File

/** The app with the bundle of the fixtures and ONNX Runtime; the rest is what phones run. */
class TestApp : App() {
    var bundle: FileTree = Fixtures.findings.folder()
    var keys: () -> List<PinnedKey> = Fixtures::keys
    var runtime: () -> ModelRuntime = { OnnxRuntime() }
    var models: File? = null

    private var living: Session? = null

    override val session: Session get() = living ?: newSession().also { living = it }

    /** What is left when the process has died: nothing that is not on disk. */
    fun die() {
        living = null
    }

    override fun services(): Services = Services(
        bundle = bundle,
        keys = { keys() },
        runtime = { runtime() },
        accepted = AcceptedInPreferences(getSharedPreferences("accepted", MODE_PRIVATE)),
        models = models ?: File(filesDir, "models"),
        jpeg = AndroidJpeg,
        crashes = { EarlierRuns.crashes(this, crashes) },
    )

    companion object {
        fun get(): TestApp = RuntimeEnvironment.getApplication() as TestApp

        /** Runs the main thread's work until [condition] holds. */
        fun until(condition: () -> Boolean) {
            val end = System.nanoTime() + PATIENCE
            while (!condition()) {
                check(System.nanoTime() < end) { "nothing came of it" }
                ShadowLooper.idleMainLooper()
                Thread.sleep(2)
            }
            ShadowLooper.idleMainLooper()
        }

        private const val PATIENCE = 120_000_000_000L
    }
}
