package org.cxredge.app

import android.net.Uri
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.cxredge.app.Screens.leave
import org.cxredge.app.Screens.open
import org.cxredge.app.Screens.text
import org.cxredge.app.Screens.use
import org.cxredge.app.TestApp.Companion.until
import org.cxredge.app.session.FilmState
import org.cxredge.app.view.find
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** Models of every kind on the real screens: findings, exclusive classes, and one that gives less than others. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = TestApp::class, qualifiers = "w411dp-h731dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ModelsTest {
    private val app get() = TestApp.get()
    private val session get() = app.session
    private val film = Fixtures.films.first { it.name == "phantom-test-0000-0.png" }

    @Test
    fun everyFilmIsDecidedAsOnTheHost() {
        for (kit in listOf(Fixtures.findings, Fixtures.classes, Fixtures.bare, Fixtures.imported)) {
            use(kit)
            assertEquals(Fixtures.films.size, kit.predictions.size)
            for (file in Fixtures.films) {
                val activity = open(Uri.fromFile(file))
                until { session.state.film is FilmState.Done }
                OnScreen(activity.get(), kit.predictions.getValue(file.name), "${kit.name}, ${file.name}").check()
                leave(activity)
            }
        }
    }

    @Test
    fun uncertainIsNoFindingLikeAnother() {
        use(Fixtures.classes)
        val (uncertain, certain) = listOf(true, false).map { none ->
            Fixtures.films.first { Fixtures.classes.predictions.getValue(it.name).isNull("answer") == none }
        }
        val activity = open(Uri.fromFile(uncertain))
        until { session.state.film is FilmState.Done }
        assertEquals(app.getString(R.string.uncertain), activity.get().find<TextView>(R.id.status).text.toString())
        val card = activity.get().find<ViewGroup>(R.id.notices).getChildAt(0)
        assertEquals(app.getString(R.string.uncertain_title), card.find<TextView>(R.id.notice_title).text.toString())
        assertTrue(warns(card))
        leave(activity)
        val other = open(Uri.fromFile(certain)).get()
        until { session.state.film is FilmState.Done }
        assertFalse(text(other.find(R.id.notices)).contains(app.getString(R.string.uncertain_title)))
        val cards = other.find<ViewGroup>(R.id.notices)
        assertTrue((0 until cards.childCount).none { warns(cards.getChildAt(it)) })
    }

    @Test
    fun labelsHaveTheNamesOfTheSystemsLanguages() {
        use(Fixtures.classes)
        val (english, french) = "Enlarged heart" to "Cœur élargi"
        val names = mapOf("fr" to french, "fr-rCA" to french, "en" to english, "ar" to english)
        for ((language, name) in names) {
            RuntimeEnvironment.setQualifiers("+$language")
            val activity = open(Uri.fromFile(film))
            until { session.state.film is FilmState.Done }
            assertTrue(language, text(activity.get().find(R.id.findings)).contains(name))
            leave(activity)
            val about = Robolectric.buildActivity(AboutActivity::class.java).setup().get()
            assertTrue(language, text(about.find(R.id.facts)).contains(name))
        }
    }

    @Test
    fun aModelWithoutHeatmapOrNoveltySaysSo() {
        use(Fixtures.bare)
        val activity = open(Uri.fromFile(film)).get()
        until { session.state.film is FilmState.Done }
        assertEquals(app.getString(R.string.heat_absent), activity.find<TextView>(R.id.heat).text.toString())
        assertEquals(app.getString(R.string.novelty_absent), activity.find<TextView>(R.id.novelty).text.toString())
        assertEquals(View.GONE, activity.find<View>(R.id.heat_opacity).visibility)
        val rows = activity.find<ViewGroup>(R.id.findings)
        assertEquals(3, rows.childCount)
        assertTrue((0 until rows.childCount).none { rows.getChildAt(it).isClickable || rows.getChildAt(it).isSelected })
        assertFalse(activity.find<TextView>(R.id.findings_hint).text.contains(app.getString(R.string.heat_hint)))
    }

    private fun warns(card: View): Boolean =
        card.backgroundTintList?.defaultColor == app.getColor(R.color.warning_ground)
}
