package org.cxredge.app

import org.cxredge.core.bundle.Folder
import org.cxredge.core.bundle.PinnedKey
import org.json.JSONArray
import org.json.JSONObject
import java.io.File

/** A signed bundle that the JVM can run, and what the host says of the films by it. */
class Kit(folder: File) {
    val bundle: File = File(folder, "bundle")
    val name: String = folder.name
    val films: File = File(folder, "films")
    private val answers = File(folder, "predict.json")

    /** What `cxredge predict --json` says of the films, by their files' names. */
    val predictions: Map<String, JSONObject> by lazy {
        val list = JSONArray(answers.readText())
        (0 until list.length()).map { list.getJSONObject(it) }.associateBy { File(it.getString("film")).name }
    }

    fun folder(): Folder = Folder(bundle)
}

/** What `make android-fixtures` made (signed bundles, their key, films, the host's answers), and the shared vectors. */
object Fixtures {
    private val root = File(System.getProperty("cxr.fixtures"))
    private val vectors = File(System.getProperty("cxr.vectors"))
    private val index = JSONObject(File(vectors, "vectors.json").readText())

    /** The zoo's phantom model: five findings. */
    val findings: Kit = Kit(root)

    /** Three classes that exclude each other, with names in English and French. */
    val classes: Kit = Kit(File(root, "classes"))

    /** Films of other kinds than the model of [classes] takes, and what is said of them by who goes on. */
    val kinds: Kit = Kit(File(root, "kinds"))

    /** The same classes from a model that gives logits and quality alone. */
    val bare: Kit = Kit(File(root, "bare"))

    /** Findings of a network that was trained elsewhere and imported: its heatmaps are gradients. */
    val imported: Kit = Kit(File(root, "imported"))

    /** Signed, and its manifest is of version 1. */
    val old: Kit = Kit(File(root, "old"))
    val films: List<File> = File(root, "films").listFiles().orEmpty().sorted()

    /** How many grey levels a JPEG decoder may be away from the host's. */
    val greyBound: Int = index.getInt("grey_bound")

    /** Cases of films that are read. */
    val cases: List<JSONObject> = index.getJSONArray("films").objects()

    fun keys(): List<PinnedKey> = listOf(PinnedKey.parse("test", File(root, "keys/test.pub").readText()))

    /** A file of the vectors: of a case's source, or of a stage. */
    fun file(about: JSONObject): File = File(vectors, about.getString("file"))

    /** A picture of the vectors that is refused. */
    fun refused(name: String): File =
        file(index.getJSONArray("refusals").objects().first { it.getString("name") == name }.getJSONObject("source"))

    private fun JSONArray.objects(): List<JSONObject> = (0 until length()).map { getJSONObject(it) }
}
