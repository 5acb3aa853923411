package org.cxredge.core.bundle

import org.cxredge.core.Fixtures
import org.cxredge.core.MemoryTree
import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.IOException
import java.nio.file.Files

class ModelBundleTest {
    @TempDir
    lateinit var temp: File

    private val trust = Trust(listOf(SmallBundle.SIGNER.pinned))
    private val model = "artifacts/onnx/fp32.onnx"

    private fun code(expected: String, tree: FileTree) = refused(expected) { ModelBundle.open(tree, trust) }

    @Test
    fun opensWhatWasSigned() {
        val small = SmallBundle().list()
        val bundle = small.open()
        assertTrue(bundle.signedBy === SmallBundle.SIGNER.pinned)
        assertEquals("tflite/fp32", bundle.manifest.primary)
        for ((path, bytes) in small.files) assertArrayEquals(bytes, bundle.bytes(path))
        assertArrayEquals(small.sealed(), bundle.bytes("manifest.json"))
        refused("BUNDLE-FILES") { bundle.bytes("model.sig") }
        refused("BUNDLE-FILES") { bundle.bytes("../model.sig") }
    }

    @Test
    fun opensWhatTheToolchainSigned() {
        val bundle = Fixtures.open()
        assertEquals("phantom", bundle.manifest.model.name)
        val artifact = bundle.manifest.artifact(bundle.manifest.primary)
        assertEquals(artifact.bytes, bundle.bytes(artifact.path).size.toLong())
        refused("SIGNATURE-KEY") { ModelBundle.open(Folder(Fixtures.bundle), trust) }
    }

    @Test
    fun refusesUnsignedBundles() {
        code("SIGNATURE-MISSING", MemoryTree(SmallBundle().list().tree().files - "model.sig"))
        code("SIGNATURE-MISSING", MemoryTree(emptyMap()))
        code("SIGNATURE-MISSING", Folder(temp))
        val spaces = ByteArray(5_000_000) { ' '.code.toByte() }
        code("SIGNATURE-SYNTAX", SmallBundle().list().tree().with("model.sig", spaces))
    }

    @Test
    fun refusesAnotherSetOfFiles() {
        val tree = SmallBundle().list().tree()
        code("SIGNATURE-FILES", tree.with("more.txt", ByteArray(1)))
        code("SIGNATURE-FILES", tree.with(".hidden", ByteArray(1)))
        code("SIGNATURE-FILES", tree.with("artifacts/../x", ByteArray(1)))
        code("SIGNATURE-FILES", MemoryTree(tree.files - "MODEL_CARD.md"))
        code("SIGNATURE-FILES", MemoryTree(tree.files - "manifest.json"))
        val renamed = "artifacts/onnx/FP32.onnx" to tree.files.getValue(model)
        code("SIGNATURE-FILES", MemoryTree(tree.files - model + renamed))
    }

    @Test
    fun refusesOtherBytes() {
        val tree = SmallBundle().list().tree()
        for ((path, bytes) in tree.files - "model.sig") {
            for (other in listOf(bytes + 0, bytes.copyOf(bytes.size - 1), ByteArray(0), ByteArray(bytes.size))) {
                code("SIGNATURE-HASH", tree.with(path, other))
            }
        }
    }

    @Test
    fun refusesLinksAndEmptiedFoldersOnDisk() {
        val tree = SmallBundle().list().tree()
        val folder = temp.resolve("bundle")
        for ((path, bytes) in tree.files) folder.resolve(path).apply { parentFile.mkdirs() }.writeBytes(bytes)
        ModelBundle.open(Folder(folder), trust)
        val real = folder.resolve(model)
        assertTrue(real.renameTo(temp.resolve("moved")))
        code("SIGNATURE-FILES", Folder(folder))
        Files.createSymbolicLink(real.toPath(), temp.resolve("moved").toPath())
        code("SIGNATURE-FILES", Folder(folder)) // the same bytes, but behind a link
    }

    @Test
    fun holdsTheManifestsListAgainstTheStatement() {
        val lacking = SmallBundle().list()
        lacking.files["more.txt"] = ByteArray(1)
        code("BUNDLE-FILES", lacking.tree())
        val listing = SmallBundle().apply { files["more.txt"] = ByteArray(1) }.list()
        listing.files.remove("more.txt")
        code("BUNDLE-FILES", listing.tree())
        val other = SmallBundle().list()
        other.files["MODEL_CARD.md"] = "# Smell\n".toByteArray()
        code("BUNDLE-HASH", other.tree())
        val manifestless = SmallBundle().files
        code("BUNDLE-FILES", MemoryTree(manifestless + ("model.sig" to SmallBundle.SIGNER.sign(manifestless))))
    }

    @Test
    fun manifestsAreReadAfterTheirHashIsRight() {
        val small = SmallBundle().list()
        code("SIGNATURE-HASH", small.tree().with("manifest.json", "not JSON".toByteArray()))
        code("MANIFEST-SYNTAX", small.tree("not JSON".toByteArray()))
        code("MANIFEST-SYNTAX", small.tree(ByteArray(ManifestReader.MAX_BYTES + 1) { ' '.code.toByte() }))
    }

    @Test
    fun refusesRollBack() {
        val small = SmallBundle().list()
        for (newest in listOf("2.1.0", "2.0.9", "0.0.1")) small.open(mapOf("small" to ModelVersion.parse(newest)))
        small.open(mapOf("another" to ModelVersion(9, 0, 0)))
        for (newest in listOf("2.1.1", "2.2.0", "3.0.0", "2.10.0")) {
            refused("BUNDLE-ROLLBACK") { small.open(mapOf("small" to ModelVersion.parse(newest))) }
        }
    }

    @Test
    fun refusesBundlesForTheOtherPhone() {
        for (kind in listOf("android", "host")) SmallBundle().list().apply { manifest["kind"] = kind }.open()
        refused("BUNDLE-KIND") { SmallBundle().list().apply { manifest["kind"] = "ios" }.open() }
    }

    @Test
    fun refusesWhatAFailedBuildLeft() {
        val left = SmallBundle().list().apply {
            manifest["kind"] = "failed"
            manifest["failed"] = listOf("tflite/fp32: flip_rate is 0.04, the bound is at most 0.03")
        }
        assertTrue("gates" in refused("BUNDLE-FAILED") { left.open() }.reason)
        // under another kind its list of gates is a key that nobody knows
        refused("MANIFEST-SCHEMA") { left.apply { manifest["kind"] = "android" }.open() }
    }

    @Test
    fun bytesAreHashedAgainWhenTheyAreRead() {
        val files = SmallBundle().list().tree().files.toMutableMap()
        val bundle = ModelBundle.open(MemoryTree(files), trust)
        files[model] = files.getValue(model).clone().also { it[0] = 99 }
        refused("BUNDLE-HASH") { bundle.bytes(model) }
        val goal = temp.resolve("model")
        refused("BUNDLE-HASH") { bundle.extract(model, goal) }
        files[model] = ByteArray(1_000_000)
        refused("BUNDLE-HASH") { bundle.extract(model, goal) }
        files.remove(model)
        refused("BUNDLE-READ") { bundle.extract(model, goal) }
        assertEquals(emptyList<String>(), temp.list()?.toList())
    }

    @Test
    fun extractsBesideAndRenames() {
        val small = SmallBundle().list()
        val bundle = small.open()
        val goal = temp.resolve("deep/er/model")
        temp.resolve("deep/er").mkdirs()
        temp.resolve("deep/er/.model.part").writeText("left by a killed app")
        goal.writeText("an older model")
        bundle.extract(model, goal)
        assertArrayEquals(small.files.getValue(model), goal.readBytes())
        assertEquals(listOf("model"), goal.parentFile.list()?.toList())
    }

    @Test
    fun extractKeepsWhatIsRightAndOverwritesWhatIsNot() {
        val small = SmallBundle().list()
        val bundle = small.open()
        val goal = temp.resolve("model")
        bundle.extract(model, goal)
        assertTrue(goal.setLastModified(1_000_000_000))
        bundle.extract(model, goal)
        assertEquals(1_000_000_000, goal.lastModified())
        goal.writeBytes(small.files.getValue(model).reversedArray())
        bundle.extract(model, goal)
        assertArrayEquals(small.files.getValue(model), goal.readBytes())
        // a link is replaced, and what it pointed to is left alone
        val elsewhere = temp.resolve("elsewhere").apply { writeText("mine") }
        assertTrue(goal.delete())
        Files.createSymbolicLink(goal.toPath(), elsewhere.toPath())
        bundle.extract(model, goal)
        assertFalse(Files.isSymbolicLink(goal.toPath()))
        assertEquals("mine", elsewhere.readText())
    }

    @Test
    fun extractNeedsSpace() {
        val bundle = SmallBundle().list().open()
        val goal = temp.resolve("model")
        val refusal = refused("STORAGE-LOW") { bundle.extract(model, goal) { 699 } }
        assertTrue("700" in refusal.reason)
        bundle.extract(model, goal) { 700 }
        bundle.extract(model, goal) { 0 } // is there already
    }

    @Test
    fun extractSaysWhereItCannotWrite() {
        val bundle = SmallBundle().list().open()
        val file = temp.resolve("file").apply { writeText("no folder") }
        refused("STORAGE-WRITE") { bundle.extract(model, file.resolve("model")) }
        val folder = temp.resolve("model").apply { resolve("full").mkdirs() }
        refused("STORAGE-WRITE") { bundle.extract(model, folder) }
        assertEquals(setOf("file", "model"), temp.list()?.toSet())
    }

    @Test
    fun readersErrorsAreRefusals() {
        val tree = SmallBundle().list().tree()
        class Failing(private val at: String) : FileTree by tree {
            override fun open(path: String) = if (path == at) throw IOException("bad sector") else tree.open(path)
        }
        for (path in tree.files.keys) code("BUNDLE-READ", Failing(path))
    }
}
