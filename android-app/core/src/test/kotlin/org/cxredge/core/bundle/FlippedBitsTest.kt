package org.cxredge.core.bundle

import org.cxredge.core.Fixtures
import org.cxredge.core.MemoryTree
import org.cxredge.core.Refusal
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import kotlin.random.Random

/** One flipped bit anywhere must be refused, whatever it meets. */
class FlippedBitsTest {
    private fun flip(bytes: ByteArray, bit: Int): ByteArray =
        bytes.clone().also { it[bit / 8] = (it[bit / 8].toInt() xor (1 shl bit % 8)).toByte() }

    private fun MemoryTree.refuses(path: String, bit: Int, trust: Trust): Refusal =
        assertThrows<Refusal>("bit $bit of $path") {
            ModelBundle.open(with(path, flip(files.getValue(path), bit)), trust)
        }

    @Test
    fun everyBitOfAnEnvelope() {
        val tree = SmallBundle().list().tree()
        val trust = Trust(listOf(SmallBundle.SIGNER.pinned))
        val text = tree.files.getValue("model.sig").decodeToString()
        // what is not signed; bits of the signed payload are among the ten thousand
        val payload = checkNotNull(Regex("\"payload\":\"([^\"]*)\"").find(text)?.groups?.get(1)).range
        val codes = (text.indices - payload).flatMap { at -> List(8) { 8 * at + it } }
            .groupingBy { tree.refuses("model.sig", it, trust).code }.eachCount()
        assertEquals(setOf("SIGNATURE-SYNTAX", "SIGNATURE-KEY", "SIGNATURE-WRONG"), codes.keys)
        println("${codes.values.sum()} flipped bits of an envelope, all refused: $codes")
    }

    @Test
    fun tenThousandBitsOfABundle() {
        val tree = SmallBundle().list().tree()
        val trust = Trust(listOf(SmallBundle.SIGNER.pinned))
        val random = Random(20_261_121)
        val all = tree.files.entries.flatMap { (path, bytes) -> List(bytes.size) { path to it } }
        val codes = List(10_000) { all[random.nextInt(all.size)] }
            .groupingBy { (path, at) -> tree.refuses(path, 8 * at + random.nextInt(8), trust).code }.eachCount()
        assertEquals(setOf("SIGNATURE-SYNTAX", "SIGNATURE-KEY", "SIGNATURE-WRONG", "SIGNATURE-HASH"), codes.keys)
        println("10000 flipped bits of a small bundle, all refused: $codes")
    }

    @Test
    fun bitsOfEveryFileThatTheToolchainSigned() {
        val tree = MemoryTree.of(Fixtures.bundle)
        val trust = Trust(listOf(Fixtures.key))
        ModelBundle.open(tree, trust)
        val random = Random(7)
        for ((path, bytes) in tree.files) {
            val flips = if (path == "model.sig") 500 else 10
            repeat(flips) { tree.refuses(path, random.nextInt(8 * bytes.size), trust) }
        }
    }
}
