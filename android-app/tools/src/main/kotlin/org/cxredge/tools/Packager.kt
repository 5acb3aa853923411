package org.cxredge.tools

import org.cxredge.core.bundle.ModelManifest
import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.ExperimentalPathApi
import kotlin.io.path.invariantSeparatorsPathString
import kotlin.io.path.isDirectory
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.name
import kotlin.io.path.readBytes
import kotlin.io.path.relativeTo
import kotlin.io.path.walk

/** What one APK is made of. [rules]: R8's, shared with Gradle; [assets]: the folder with model/ and keys/. */
class Ingredients(
    val app: CompiledApp,
    val rules: Path,
    val assets: Path,
    val runtime: RuntimeLayout,
    val abis: List<String>,
    val pages: Pages,
    val key: SigningKey,
)

/** What was packaged, and whether `apksigner` was there to agree. */
class Packaged(val file: Path, val manifest: ModelManifest, val sizes: SizeTable, val byApksigner: Boolean)

/** Links, shrinks, packs, signs and checks one APK; the same ingredients give the same bytes. */
class Packager(private val ingredients: Ingredients) {
    private val choice: RuntimeChoice = ingredients.runtime.choice()

    /** Puts cxr-edge-<model>-<version>.apk into [folder] once every check passed. Throws [Problem]. */
    fun packageInto(folder: Path): Packaged {
        checkAbis()
        val manifest: ModelManifest = checkModel(ingredients.assets, choice, ingredients.key)
        val goal: Path = folder.resolve(manifest.model.run { "cxr-edge-$name-$version.apk" })
        var byApksigner = false
        wholeFile(goal) { beside ->
            val plain: Path = Files.createTempFile("plain", ".apk")
            try {
                AlignedZip(plain).use { zip -> entries().forEach { (name, bytes) -> zip.put(name, bytes()) } }
                sign(plain, beside, ingredients.key)
            } finally {
                Files.delete(plain)
            }
            byApksigner = check(beside)
        }
        return Packaged(goal, manifest, SizeTable(Apk(goal)), byApksigner)
    }

    /** Everything that is checked, is checked on the finished file. Returns whether apksigner was there. */
    private fun check(file: Path): Boolean {
        val apk = Apk(file)
        checkEntries(apk)
        checkLibraries(apk, ingredients.pages)
        checkManifest(apk, ingredients.app)
        checkPackedModel(apk)
        checkSignature(file)
        return checkSignatureByApksigner(file)
    }

    /** Name and bytes of every entry, sorted by name. */
    private fun entries(): Map<String, () -> ByteArray> {
        val linked: LinkedResources = linkResources(ingredients.app)
        val dex: List<Path> = Shrinker(ingredients.app.framework).dex(
            ingredients.app.classes,
            ingredients.app.jars + ingredients.runtime.program.listDirectoryEntries("*.jar").sorted(),
            listOf(ingredients.rules, linked.keepRules),
            ingredients.app.scratch().resolve("dex"),
        )
        val resources: Apk = Apk(linked.archive)
        return buildMap {
            for (entry in resources.entries) put(entry.name) { resources.bytes(entry.name) }
            for (file in dex) put(file.name, file::readBytes)
            for (abi in ingredients.abis) putTree("lib/$abi", ingredients.runtime.libraries.resolve(abi))
            putTree("assets/model", ingredients.assets.resolve("model"))
            for (key in ingredients.assets.resolve("keys").listDirectoryEntries("*.pub")) {
                put("assets/keys/${key.name}", key::readBytes)
            }
            putTree("assets", ingredients.runtime.assets)
        }.toSortedMap()
    }

    @OptIn(ExperimentalPathApi::class)
    private fun MutableMap<String, () -> ByteArray>.putTree(prefix: String, folder: Path) {
        for (file in folder.walk()) put("$prefix/${file.relativeTo(folder).invariantSeparatorsPathString}", file::readBytes)
    }

    private fun checkAbis() {
        val unknown: List<String> = ingredients.abis.filter { !ingredients.runtime.libraries.resolve(it).isDirectory() }
        if (unknown.isNotEmpty() || ingredients.abis.isEmpty()) {
            throw Problem("APK-ABI", "${choice.option} has no libraries for ABI=${unknown.joinToString()}", "choose ABI", ABIS)
        }
    }
}
