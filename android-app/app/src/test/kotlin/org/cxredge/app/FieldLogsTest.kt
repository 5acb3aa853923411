package org.cxredge.app

import android.net.Uri
import android.view.View
import android.widget.TextView
import org.cxredge.app.TestApp.Companion.until
import org.cxredge.app.platform.SharedFiles
import org.cxredge.app.session.BenchmarkState
import org.cxredge.app.session.FilmState
import org.cxredge.app.session.Verdict
import org.cxredge.app.view.find
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.Folder
import org.cxredge.core.film.InputSpec
import org.cxredge.core.model.ModelRunner
import org.cxredge.core.model.ModelRuntime
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import java.io.File
import java.util.concurrent.CountDownLatch

/**
 * The log of every outcome that the app can have, as it is shared. They are left in a folder, where the host's reader
 * is tried on them: tests/android/test_app_field_logs.py.
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = TestApp::class, qualifiers = "w411dp-h731dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class FieldLogsTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val app get() = TestApp.get()
    private val state get() = app.session.state
    private val film = Fixtures.films.first { it.name == "phantom-test-0000-0.png" }

    @Test
    fun passed() {
        checked()
        val log = shared("passed")
        assertTrue(log.getJSONObject("self_test").getBoolean("passed"))
        assertEquals("phantom", log.getJSONObject("bundle").getString("name"))
        assertEquals("onnx/w8a8", log.getJSONObject("artifact").getString("name"))
        assertTrue(log.isNull("benchmark"))
        assertEquals(35, log.getJSONObject("system").getInt("api"))
    }

    @Test
    fun passedAndMeasured() {
        checked()
        app.session.measure(1)
        until { state.benchmark is BenchmarkState.Done }
        assertEquals(30, shared("passed-benchmark").getJSONObject("benchmark").getInt("runs"))
    }

    @Test
    fun otherKindsOfModels() {
        for (kit in listOf(Fixtures.classes, Fixtures.bare)) {
            Screens.use(kit)
            checked()
            assertEquals(kit.name, shared("passed-${kit.name}").getJSONObject("bundle").getString("name"))
        }
    }

    @Test
    fun failed() {
        app.runtime = { OnnxRuntime(wrong = 3f) }
        checked()
        val test = shared("failed").getJSONObject("self_test")
        assertFalse(test.getBoolean("passed"))
        assertTrue(test.getJSONArray("stages").getJSONObject(1).getString("detail").contains("logits"))
    }

    @Test
    fun refusedBundle() {
        val bundles = mapOf(
            "MANIFEST-VERSION" to Fixtures.old.folder(),
            "BUNDLE-MISSING" to Folder(temporary.newFolder()),
            "SIGNATURE-MISSING" to Folder(Fixtures.films[0].parentFile!!),
        )
        for ((code, bundle) in bundles) {
            app.bundle = bundle
            app.die()
            checked()
            val log = shared("refused-${code.lowercase()}")
            assertEquals(listOf("start" to code), refusals(log))
            assertTrue(log.isNull("bundle"))
            assertTrue(log.isNull("self_test"))
        }
    }

    @Test
    fun refusedRuntime() {
        app.runtime = { OtherTarget }
        checked()
        val log = shared("refused-runtime")
        assertEquals(listOf("start" to "RUNTIME-NONE"), refusals(log))
        assertEquals("phantom", log.getJSONObject("bundle").getString("name"))
        assertTrue(log.isNull("artifact"))
    }

    @Test
    fun refusedFilm() {
        checked()
        for (name in listOf("colour.png", "cut.png")) analyse(Uri.fromFile(Fixtures.refused(name)))
        val log = shared("refused-film")
        assertEquals(listOf("film" to "IMG-COLOUR", "film" to "IMG-TRUNCATED"), refusals(log))
        val reasons = log.getJSONArray("refusals")
        assertTrue((0 until reasons.length()).all { reasons.getJSONObject(it).getString("reason").isEmpty() })
    }

    @Test
    fun crashOfAFilm() {
        checked()
        analyse(throwing("content://films/of-a-person"))
        val log = shared("crash-film")
        val crash = log.getJSONArray("crashes").getJSONObject(0)
        assertEquals("exception", crash.getString("kind"))
        assertEquals("java.lang.IllegalStateException", crash.getString("what"))
        assertTrue(refusals(log).isEmpty())
    }

    @Test
    fun crashOfTheLastRun() {
        checked()
        val before = Thread.getDefaultUncaughtExceptionHandler()
        before.uncaughtException(Thread.currentThread(), RuntimeException("wrapper", IllegalArgumentException(PERSON)))
        app.die()
        val opened = CountDownLatch(1)
        app.runtime = { opened.await().let { OnnxRuntime() } }
        val log = Robolectric.buildActivity(LogActivity::class.java).setup().get()
        until { state.crashes.isNotEmpty() }
        assertTrue("it can be shared while the model is checked", state.verdict is Verdict.Checking)
        assertTrue(log.find<View>(R.id.share).isEnabled)
        val crash = shared("crash-last-run").getJSONArray("crashes").getJSONObject(0)
        assertEquals("java.lang.IllegalArgumentException", crash.getString("what"))
        assertTrue(crash.getJSONArray("at").getString(0).contains("FieldLogsTest.crashOfTheLastRun:"))
        opened.countDown()
        until { state.verdict is Verdict.Passed }
        assertTrue(shared("crash-last-run-passed").getJSONObject("self_test").getBoolean("passed"))
    }

    /** Until the model is checked, whatever comes out. */
    private fun checked() {
        app.session.start()
        until { state.verdict !is Verdict.Checking }
    }

    private fun analyse(address: Uri) {
        val screen = Screens.open(address)
        until { state.film is FilmState.Refused }
        Screens.leave(screen)
    }

    private fun throwing(address: String): Uri = Uri.parse(address).also {
        shadowOf(app.contentResolver).registerInputStreamSupplier(it) { error(PERSON) }
    }

    /** Presses the button, and reads what is shared then: the text on the screen, and nothing of a person. */
    private fun shared(name: String): JSONObject {
        val screen = Robolectric.buildActivity(LogActivity::class.java).setup()
        val shown = screen.get().find<TextView>(R.id.log).text.toString()
        assertTrue(screen.get().find<View>(R.id.share).performClick())
        val text = SharedFiles.log(app).readText()
        assertEquals(shown, text)
        for (private in listOf(PERSON, film.name, "of-a-person", "content:")) assertFalse(private, private in text)
        val folder = File(System.getProperty("cxr.logs")).apply { mkdirs() }
        File(folder, "$name.json").writeText(text)
        screen.pause().stop().destroy()
        return JSONObject(text)
    }

    private fun refusals(log: JSONObject): List<Pair<String, String>> {
        val list = log.getJSONArray("refusals")
        return (0 until list.length()).map { list.getJSONObject(it) }
            .map { it.getString("during") to it.getString("code") }
    }

    private object OtherTarget : ModelRuntime {
        override val target: String = "executorch"
        override val name: String = "ExecuTorch"

        override fun open(model: File, artifact: Artifact, input: InputSpec, threads: Int): ModelRunner =
            error("it has nothing to open")
    }

    private companion object {
        const val PERSON = "a person's name"
    }
}
