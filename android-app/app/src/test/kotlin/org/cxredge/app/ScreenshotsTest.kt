package org.cxredge.app

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.Canvas
import android.net.Uri
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.cxredge.app.TestApp.Companion.until
import org.cxredge.app.session.BenchmarkState
import org.cxredge.app.session.FilmState
import org.cxredge.app.session.Verdict
import org.cxredge.app.view.find
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import java.io.File

/** Every screen as a picture, in light and dark, with large type, from right to left, and translated. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = TestApp::class, qualifiers = "w411dp-h731dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ScreenshotsTest {
    private val session get() = TestApp.get().session

    @Test
    fun light() = all("light")

    @Test
    fun dark() {
        RuntimeEnvironment.setQualifiers("+night")
        all("dark")
    }

    @Test
    fun large() {
        RuntimeEnvironment.setFontScale(2f)
        all("large")
    }

    @Test
    fun rightToLeft() {
        RuntimeEnvironment.setQualifiers("+ar-ldrtl")
        all("rtl")
    }

    @Test
    fun french() {
        RuntimeEnvironment.setQualifiers("+fr")
        all("fr")
    }

    @Test
    fun landscape() {
        RuntimeEnvironment.setQualifiers("w731dp-h411dp-land-xhdpi")
        all("landscape")
    }

    @Test
    fun failed() {
        TestApp.get().runtime = { OnnxRuntime(wrong = 3f) }
        val main = Robolectric.buildActivity(MainActivity::class.java).setup()
        until { session.state.verdict is Verdict.Failed }
        shoot(main.get(), "failed-light")
    }

    private fun all(look: String) {
        val main = Robolectric.buildActivity(MainActivity::class.java).setup()
        shoot(main.get(), "checking-$look")
        until { session.state.verdict is Verdict.Passed }
        shoot(main.get(), "verdict-$look")
        film(Fixtures.films.first { it.name == "phantom-test-0000-0.png" }, "result-$look")
        film(Fixtures.refused("colour.png"), "colour-$look")
        val bench = Robolectric.buildActivity(BenchmarkActivity::class.java).setup()
        session.measure(2)
        until { session.state.benchmark is BenchmarkState.Done }
        shoot(bench.get(), "benchmark-$look")
        shoot(Robolectric.buildActivity(LogActivity::class.java).setup().get(), "log-$look")
        shoot(Robolectric.buildActivity(AboutActivity::class.java).setup().get(), "about-$look")
        others(look)
    }

    /** One class, none, a model with other outputs, and a bundle that is refused. */
    private fun others(look: String) {
        Screens.use(Fixtures.classes)
        val answers = Fixtures.classes.predictions
        film(Fixtures.films.first { !answers.getValue(it.name).isNull("answer") }, "class-$look")
        film(Fixtures.films.first { answers.getValue(it.name).isNull("answer") }, "uncertain-$look")
        shoot(Robolectric.buildActivity(AboutActivity::class.java).setup().get(), "about-classes-$look")
        otherKind(look)
        Screens.use(Fixtures.bare)
        quality(look)
        Screens.use(Fixtures.old)
        val main = Robolectric.buildActivity(MainActivity::class.java).setup()
        until { session.state.verdict is Verdict.Refused }
        shoot(main.get(), "refused-$look")
        shoot(Robolectric.buildActivity(LogActivity::class.java).setup().get(), "refused-log-$look")
    }

    /** A film that the model does not take, and what is said once somebody went on. */
    private fun otherKind(look: String) {
        val film = Screens.open(Uri.fromFile(File(Fixtures.kinds.films, "mr.dcm")))
        until { session.state.film is FilmState.Refused }
        shoot(film.get(), "kind-refused-$look")
        film.get().find<View>(R.id.go_on).performClick()
        until { session.state.film is FilmState.Done }
        shoot(film.get(), "kind-passed-over-$look")
        Screens.leave(film)
    }

    /** A film that looks wrongly held: the question, and what is said once somebody went on. */
    private fun quality(look: String) {
        val film = Screens.open(Uri.fromFile(Fixtures.films.first()))
        until { session.state.film is FilmState.Done }
        shoot(film.get(), "quality-asked-$look")
        film.get().find<View>(R.id.despite).performClick()
        shoot(film.get(), "quality-$look")
        Screens.leave(film)
    }

    private fun film(file: File, name: String) {
        val film = Screens.open(Uri.fromFile(file))
        until { session.state.film is FilmState.Done || session.state.film is FilmState.Refused }
        shoot(film.get(), name)
        Screens.leave(film)
    }

    /** Draws the whole page, as tall as it is, and checks that no text is cut off and that targets are large enough. */
    private fun shoot(activity: Activity, name: String) {
        val page = activity.find<View>(R.id.content)
        val screen = activity.find<View>(R.id.screen)
        val scroll = page.parent as View
        screen.measure(exactly(screen.width), exactly(screen.height))
        val tall = maxOf(screen.height, screen.height - scroll.height + page.measuredHeight)
        screen.measure(exactly(screen.width), exactly(tall))
        screen.layout(0, 0, screen.width, tall)
        views(screen).forEach { check(it, name) }
        val bitmap = Bitmap.createBitmap(screen.width, tall, Bitmap.Config.ARGB_8888)
        screen.draw(Canvas(bitmap))
        val folder = File(System.getProperty("cxr.screenshots")).apply { mkdirs() }
        File(folder, "$name.png").outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
        screen.requestLayout()
    }

    private fun exactly(size: Int): Int = View.MeasureSpec.makeMeasureSpec(size, View.MeasureSpec.EXACTLY)

    private fun views(view: View): List<View> = when {
        view.visibility != View.VISIBLE -> emptyList()
        view is ViewGroup -> listOf(view) + (0 until view.childCount).flatMap { views(view.getChildAt(it)) }
        else -> listOf(view)
    }

    private fun check(view: View, name: String) {
        val what = "$name: ${view.javaClass.simpleName} ${(view as? TextView)?.text ?: ""}"
        if (view is TextView && view.layout != null) {
            val room = view.height - view.compoundPaddingTop - view.compoundPaddingBottom
            assertTrue("$what is cut off", view.layout.height <= room)
            assertTrue("$what is shortened", (0 until view.lineCount).all { view.layout.getEllipsisCount(it) == 0 })
        }
        // text that can be selected is clickable too, and no target
        if (view.isClickable && (view as? TextView)?.isTextSelectable != true) {
            val least = Math.round(48 * view.resources.displayMetrics.density)
            assertTrue("$what is too small to touch", view.height >= least && view.width >= least)
        }
    }
}
