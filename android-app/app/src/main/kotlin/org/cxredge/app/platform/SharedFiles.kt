package org.cxredge.app.platform

import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException

/**
 * The only files that other apps may touch, one by one and only with a grant: the photograph that the camera writes,
 * and the field log that the person chose to share.
 */
class SharedFiles : ContentProvider() {
    override fun onCreate(): Boolean = true

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        val context = context ?: throw FileNotFoundException("no context")
        val file = when (uri) {
            PHOTOGRAPH -> photograph(context)
            LOG -> log(context)
            else -> throw FileNotFoundException("no such file")
        }
        if (uri == LOG && mode != "r") throw FileNotFoundException("the field log is for reading only")
        return ParcelFileDescriptor.open(file, ParcelFileDescriptor.parseMode(mode))
    }

    override fun query(
        uri: Uri,
        projection: Array<String>?,
        selection: String?,
        selectionArgs: Array<String>?,
        sortOrder: String?,
    ): Cursor {
        val file = context?.takeIf { uri == LOG }?.let { log(it) }
        val columns = projection ?: arrayOf(OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE)
        return MatrixCursor(columns).apply {
            if (file != null) {
                addRow(
                    columns.map {
                        when (it) {
                            OpenableColumns.DISPLAY_NAME -> file.name
                            OpenableColumns.SIZE -> file.length()
                            else -> null
                        }
                    },
                )
            }
        }
    }

    override fun getType(uri: Uri): String? = when (uri) {
        PHOTOGRAPH -> "image/jpeg"
        LOG -> "text/json"
        else -> null
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun delete(uri: Uri, selection: String?, selectionArgs: Array<String>?): Int = 0

    override fun update(uri: Uri, values: ContentValues?, selection: String?, selectionArgs: Array<String>?): Int = 0

    companion object {
        private const val AUTHORITY = "org.cxredge.app.files"
        val PHOTOGRAPH: Uri = Uri.parse("content://$AUTHORITY/photograph.jpg")
        val LOG: Uri = Uri.parse("content://$AUTHORITY/field-log.json")

        /** Written by the camera, read once, and removed with the screen that showed it. */
        fun photograph(context: Context): File = File(folder(context), "photograph.jpg")

        fun log(context: Context): File = File(folder(context), "field-log.json")

        private fun folder(context: Context): File = File(context.cacheDir, "shared").apply { mkdirs() }
    }
}
