package org.cxredge.app

import org.cxredge.core.bundle.Folder
import org.cxredge.core.bundle.PinnedKey
import org.json.JSONArray
import org.json.JSONObject
import java.io.File

/** What `make android-fixtures` made (a signed bundle, its key, films, the host's answers), and the shared vectors. */
object Fixtures {
    private val root = File(System.getProperty("cxr.fixtures"))
    private val vectors = File(System.getProperty("cxr.vectors"))
    private val index = JSONObject(File(vectors, "vectors.json").readText())

    val bundle: File = File(root, "bundle")
    val films: List<File> = File(root, "films").listFiles().orEmpty().sorted()

    /** What `cxredge predict --json` says of the films. */
    val predictions: List<JSONObject> = JSONArray(File(root, "predict.json").readText()).objects()

    /** How many grey levels a JPEG decoder may be away from the host's. */
    val greyBound: Int = index.getInt("grey_bound")

    /** Cases of films that are read. */
    val cases: List<JSONObject> = index.getJSONArray("films").objects()

    fun keys(): List<PinnedKey> = listOf(PinnedKey.parse("test", File(root, "keys/test.pub").readText()))

    fun folder(): Folder = Folder(bundle)

    /** A file of the vectors: of a case's source, or of a stage. */
    fun file(about: JSONObject): File = File(vectors, about.getString("file"))

    /** A picture of the vectors that is refused. */
    fun refused(name: String): File =
        file(index.getJSONArray("refusals").objects().first { it.getString("name") == name }.getJSONObject("source"))

    private fun JSONArray.objects(): List<JSONObject> = (0 until length()).map { getJSONObject(it) }
}
