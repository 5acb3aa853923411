package org.cxredge.app.platform

import android.content.res.AssetManager
import org.cxredge.app.runtime.ExecuTorchRuntime
import org.cxredge.app.runtime.TfliteRuntime
import org.cxredge.core.Refusal
import org.cxredge.core.model.ModelRuntime
import org.json.JSONException
import org.json.JSONObject
import java.io.IOException

/** The runtime whose libraries the APK carries, as assets/runtime.json says: {"target", "name", "version", "source"}. */
object BuiltInRuntime {
    /** Throws [Refusal] RUNTIME-NONE when the file is not there, or names a target that this app has no runner for. */
    fun read(assets: AssetManager): ModelRuntime {
        val about = try {
            JSONObject(assets.open(FILE).use { it.readBytes() }.toString(Charsets.UTF_8))
        } catch (error: IOException) {
            throw none("assets/$FILE cannot be read", error)
        } catch (error: JSONException) {
            throw none("assets/$FILE is not valid JSON", error)
        }
        val label = listOf("name", "version", "source").map { about.optString(it) }
        if (label.any { it.isEmpty() }) throw none("assets/$FILE does not give name, version and source")
        val name = "${label[0]} ${label[1]} (${label[2]})"
        return when (val target = about.optString("target")) {
            "executorch" -> ExecuTorchRuntime(name)
            "tflite" -> TfliteRuntime(name)
            else -> throw none("assets/$FILE names the target '$target', which this app has no runner for")
        }
    }

    private fun none(reason: String, cause: Exception? = null) =
        Refusal("RUNTIME-NONE", reason, "build the app again with a runtime", cause)

    private const val FILE = "runtime.json"
}
