package org.cxredge.tools

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.FileTree
import org.cxredge.core.bundle.Folder
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.ModelManifest
import org.cxredge.core.bundle.PinnedKey
import org.cxredge.core.bundle.Trust
import java.io.InputStream
import java.nio.file.Path
import kotlin.io.path.exists
import kotlin.io.path.isDirectory
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.name
import kotlin.io.path.readText

/**
 * Reads the bundle below [assets] as the app will: signature, list and hashes of all files, manifest.
 * Throws [Problem] APK-MODEL where there is none, APK-KEYS without a pinned key, APK-RUNTIME where no artifact is for
 * [runtime], APK-DEVELOPMENT where [apkKey] is for release and the bundle's is not, and the core's own codes for a
 * bundle that it refuses.
 */
fun checkModel(assets: Path, runtime: RuntimeChoice, apkKey: SigningKey): ModelManifest {
    val model: Path = assets.resolve("model")
    if (!model.resolve("manifest.json").exists()) {
        throw Problem("APK-MODEL", "$model holds no bundle", "run make apk MODEL=<name>, which builds it")
    }
    val keys: Path = assets.resolve("keys")
    val pinned: List<PinnedKey> = refusing {
        if (!keys.isDirectory()) emptyList()
        else keys.listDirectoryEntries("*.pub").sorted().map { PinnedKey.parse(it.name, it.readText()) }
    }
    if (pinned.isEmpty()) {
        throw Problem("APK-KEYS", "$keys holds no public key (*.pub)", "run make android-model, which lays the key")
    }
    val bundle: ModelBundle = refusing { ModelBundle.open(Folder(model.toFile()), Trust(pinned)) }
    val manifest: ModelManifest = bundle.manifest
    if (bundle.signedBy.development && !apkKey.development) {
        throw Problem(
            "APK-DEVELOPMENT",
            "a development key signed the bundle of ${manifest.model.name}, and ANDROID_KEYSTORE is for release",
            "sign the bundle for release (KEY=<pair>); for trying out, leave ANDROID_KEYSTORE out",
        )
    }
    val targets: List<String> = manifest.artifacts.map { it.target }.distinct()
    if (runtime.target !in targets) {
        throw Problem(
            "APK-RUNTIME",
            "${manifest.model.name} has artifacts for ${targets.joinToString()}, RUNTIME runs ${runtime.target}",
            "choose a RUNTIME that runs an artifact of the bundle",
            RuntimeChoice.entries.filter { it.target in targets }.map { "RUNTIME=${it.option}" },
        )
    }
    return manifest
}

/** As the app will once more, from the finished package. Throws [Problem] with the core's codes. */
fun checkPackedModel(apk: Apk) {
    val packed = PackedAssets(apk)
    val keys: List<PinnedKey> = apk.entries.map { it.name }.filter { it.startsWith(KEY_FOLDER) }
        .map { refusing { PinnedKey.parse(it.removePrefix(KEY_FOLDER), apk.bytes(it).decodeToString()) } }
    refusing { ModelBundle.open(packed, Trust(keys)) }
}

private const val KEY_FOLDER = "assets/keys/"

private class PackedAssets(private val apk: Apk) : FileTree {
    override fun list(): List<String> =
        apk.entries.map { it.name }.filter { it.startsWith(MODEL_FOLDER) }.map { it.removePrefix(MODEL_FOLDER) }

    override fun open(path: String): InputStream = apk.bytes(MODEL_FOLDER + path).inputStream()

    private companion object {
        const val MODEL_FOLDER = "assets/model/"
    }
}

private fun <T> refusing(read: () -> T): T = try {
    read()
} catch (refusal: Refusal) {
    throw Problem(refusal.code, refusal.reason, refusal.fix)
}
