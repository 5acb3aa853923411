package org.cxredge.app.platform

import android.content.res.AssetManager
import org.cxredge.core.bundle.FileTree
import java.io.InputStream

/** A folder of the app's assets. Assets hold plain files only, so there is nothing to refuse. */
class AssetTree(private val assets: AssetManager, private val root: String) : FileTree {
    override fun list(): List<String> = below("")

    override fun open(path: String): InputStream = assets.open("$root/$path", AssetManager.ACCESS_STREAMING)

    /** A name without names below it is a file: an APK has no empty folders. */
    private fun below(folder: String): List<String> =
        assets.list(if (folder.isEmpty()) root else "$root/$folder").orEmpty().flatMap { name ->
            val path = if (folder.isEmpty()) name else "$folder/$name"
            below(path).ifEmpty { listOf(path) }
        }
}
