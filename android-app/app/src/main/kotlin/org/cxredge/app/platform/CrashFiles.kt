package org.cxredge.app.platform

import org.cxredge.app.session.SessionState
import org.cxredge.core.log.Crash
import org.cxredge.core.log.CrashKind
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import java.io.File
import java.io.IOException
import java.time.DateTimeException
import java.time.LocalDate

/** A crash, and when it was: milliseconds since 1970. */
data class TimedCrash(val time: Long, val crash: Crash)

/** Crashes on disk, one private file each, named by its time; the newest are kept. */
class CrashFiles(private val folder: File) {
    /** Throws IOException where there is no room. */
    fun write(crash: TimedCrash) {
        folder.mkdirs()
        val text = JSONObject()
            .put("kind", crash.crash.kind.name)
            .put("on", crash.crash.on.toString())
            .put("what", crash.crash.what)
            .put("at", JSONArray(crash.crash.at))
        File(folder, "${crash.time}$SUFFIX").writeText(text.toString())
        files().dropLast(SessionState.MOST).forEach { it.delete() }
    }

    /** Those since [time], oldest first; older ones are removed, and what a dying app wrote by half is passed over. */
    fun read(time: Long): List<TimedCrash> {
        val (kept, old) = files().partition { time(it) >= time }
        old.forEach { it.delete() }
        return kept.mapNotNull { file -> crash(file)?.let { TimedCrash(time(file), it) } }
    }

    private fun files(): List<File> =
        folder.listFiles().orEmpty().filter { it.name.endsWith(SUFFIX) }.sortedBy { time(it) }

    private fun time(file: File): Long = file.name.removeSuffix(SUFFIX).toLongOrNull() ?: 0

    private fun crash(file: File): Crash? = try {
        val text = JSONObject(file.readText())
        val at = text.getJSONArray("at")
        Crash(
            CrashKind.valueOf(text.getString("kind")),
            LocalDate.parse(text.getString("on")),
            text.getString("what"),
            (0 until at.length()).map { at.getString(it) },
        )
    } catch (_: IOException) {
        null
    } catch (_: JSONException) {
        null
    } catch (_: DateTimeException) {
        null
    } catch (_: IllegalArgumentException) {
        null
    }

    private companion object {
        const val SUFFIX = ".json"
    }
}
