package org.cxredge.app

import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.cxredge.app.view.find
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import java.util.Locale
import kotlin.math.abs

/** What the screen of a film says, in English, held against the host's answer: `cxredge predict --json`. */
class OnScreen(private val activity: FilmActivity, private val host: JSONObject, private val what: String) {
    private val flagged = (if (host.isNull("quality")) emptyList() else records("quality"))
        .filter { it.getBoolean("flagged") }.map { it.getString("kind") }.toSet()

    init {
        if (flagged.isNotEmpty()) asked()
    }

    private val status = activity.find<TextView>(R.id.status).text.toString()
    private val rows = activity.find<ViewGroup>(R.id.findings).run { (0 until childCount).map(::getChildAt) }
    private val notices = Screens.text(activity.find(R.id.notices))
    private val names = mapOf(
        "clear" to "Nothing seen",
        "enlarged_heart" to "Enlarged heart",
        "fluid" to "Fluid in the chest",
    )

    fun check() {
        if (host.getString("decision") == "single-label") classes() else findings()
        val unlike = !host.isNull("novelty") && host.getBoolean("unlike_training_films")
        assertEquals(what, unlike, activity.getString(R.string.unlike_title) in notices)
        accidents()
        val passedOver = host.getJSONArray("passed_over").let { list -> (0 until list.length()).map(list::getString) }
        assertEquals(what, passedOver.isNotEmpty(), activity.getString(R.string.other_kind_title) in notices)
        if (passedOver.isNotEmpty()) assertTrue("$what: $notices", "over: ${passedOver.joinToString()}." in notices)
        assertFalse("$what: a percentage", "%" in Screens.text(activity.find(R.id.content)))
    }

    private fun findings() {
        val list = records("findings")
        val sorted = list.sortedByDescending { it.getDouble("margin") }
        assertEquals(what, sorted.map { it.getString("label") }, rows.map(::label))
        sorted.zip(rows).forEach { (finding, row) ->
            val margin = finding.getDouble("margin")
            val side = if (margin >= 0) "above" else "below"
            val word = if (finding.getBoolean("positive")) "Positive" else "Negative"
            assertClose("$word: ", margin, " $side the operating point", sentence(row))
        }
        val positive = sorted.filter { it.getBoolean("positive") }.joinToString { it.getString("label") }
        val none = activity.getString(R.string.none_positive)
        assertEquals(what, if (positive.isEmpty()) none else "Positive: $positive", status)
    }

    private fun classes() {
        val list = records("classes").sortedByDescending { it.getDouble("log_odds") }
        assertEquals(what, list.map { names[it.getString("label")] }, rows.map(::label))
        val least = host.getDouble("least_margin")
        val answer = if (host.isNull("answer")) null else host.getString("answer")
        val nearest = host.getString("nearest")
        list.zip(rows).forEach { (score, row) ->
            val odds = score.getDouble("log_odds")
            val side = if (odds >= least) "above" else "below"
            val (head, tail) = sentence(row).split("log-odds ")
            val expected = when (score.getString("label")) {
                answer -> "The answer: "
                nearest -> "Nearest, and no answer: "
                else -> "Not the answer: "
            }
            assertEquals(what, expected, head)
            assertClose("$side the least margin by ", odds - least, "", tail.substringAfter("; "))
            assertEquals(what, odds, tail.substringBefore(";").toDouble(), ROUNDED)
        }
        val runnerUp = names.getValue(host.getString("runner_up"))
        assertTrue("$what: $notices", "Next comes: $runnerUp." in notices)
        assertTrue("$what: $notices", "an answer needs %.2f.".format(Locale.ROOT, least) in notices)
        val closest = "Nearest is: ${names.getValue(nearest)}." in notices
        assertEquals("$what: $notices", answer == null, closest)
        assertEquals(what, if (answer == null) "Uncertain: no answer" else "Answer: ${names[answer]}", status)
        assertEquals(what, answer == null, activity.getString(R.string.uncertain_title) in notices)
    }

    /** Nothing of the answer is shown or spoken before somebody has looked at the film, and asked for it. */
    private fun asked() {
        assertEquals(what, activity.getString(R.string.look_first), activity.find<TextView>(R.id.status).text.toString())
        assertEquals(what, View.GONE, activity.find<View>(R.id.answer).visibility)
        val said = Screens.text(activity.find(R.id.notices))
        assertEquals(what, flagged, TITLES.filterValues { activity.getString(it) in said }.keys)
        for (title in listOf(R.string.answer_title, R.string.uncertain_title)) {
            assertFalse("$what: $said", activity.getString(title) in said)
        }
        val spoken = activity.find<View>(R.id.film).contentDescription.toString()
        assertEquals(what, activity.getString(R.string.look_first), spoken)
        activity.find<View>(R.id.despite).performClick()
        assertEquals(what, View.VISIBLE, activity.find<View>(R.id.answer).visibility)
        assertEquals(what, View.GONE, activity.find<View>(R.id.despite).visibility)
    }

    private fun accidents() {
        val shown = TITLES.filterValues { activity.getString(it) in notices }.keys
        assertEquals(what, flagged, shown)
    }

    /** [text] is [head], the size of [margin] within a hundredth and a runtime's rounding, and [tail]. */
    private fun assertClose(head: String, margin: Double, tail: String, text: String) {
        assertTrue("$what: $text", text.startsWith(head) && text.endsWith(tail))
        assertEquals(what, abs(margin), text.removePrefix(head).removeSuffix(tail).toDouble(), ROUNDED)
    }

    private fun records(key: String): List<JSONObject> =
        host.getJSONArray(key).let { list -> (0 until list.length()).map { list.getJSONObject(it) } }

    private fun label(row: View): String = row.find<TextView>(R.id.label).text.toString()

    private fun sentence(row: View): String = row.find<TextView>(R.id.words).text.toString().also {
        assertTrue("$what is spoken", row.contentDescription.startsWith("${label(row)}. $it."))
    }

    private companion object {
        /** Two digits are shown, and the JVM's runtime adds up in another order than the host's. */
        const val ROUNDED = 0.005 + 1e-3
        val TITLES = mapOf(
            "inverted" to R.string.inverted_title,
            "upside-down" to R.string.upside_down_title,
            "turned" to R.string.turned_title,
            "mirrored" to R.string.mirrored_title,
        )
    }
}
