package org.cxredge.tools

import java.nio.file.Path
import java.util.zip.ZipFile

/** Native libraries as they are published: fbjni's for pages of 16 KiB, TFLite's for pages of 4 KiB. */
object RealParts {
    val folder: Path = Path.of(System.getProperty("cxr.parts"))

    fun fbjni(abi: String = "arm64-v8a"): ByteArray = library("fbjni", "jni/$abi/libfbjni.so")

    fun tflite(): ByteArray = library("tensorflow-lite", "jni/arm64-v8a/libtensorflowlite_jni.so")

    private fun library(part: String, entry: String): ByteArray = ZipFile(folder.resolve("$part.aar").toFile()).use { zip ->
        zip.getInputStream(zip.getEntry(entry)).readAllBytes()
    }
}
