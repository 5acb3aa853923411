package org.cxredge.core.bundle

import org.cxredge.core.MemoryTree
import org.cxredge.core.Refusal
import org.cxredge.core.at
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonNode
import org.cxredge.core.json.JsonSource
import org.cxredge.core.json.JsonText
import org.cxredge.core.places
import org.cxredge.core.put
import org.cxredge.core.remove
import java.util.Base64
import kotlin.random.Random

/**
 * Changes a signed bundle by lot and opens each; [MutatedBundlesTest] runs it in a small heap. Arguments: how many, and
 * the first one's number.
 *
 * Every change must be refused by a code. Allowed is what changes nothing: the same files, and a `model.sig` that says
 * the same, such as one with more spaces. A bundle whose manifest was changed and which was signed again, by the pinned
 * key, may be opened: there, nothing but a [Refusal] may be thrown.
 */
internal object MutatedBundles {
    private val MANIFEST = ManifestReader.FILE
    private val SIGNATURE = BundleSignature.FILE
    private val SOURCE = JsonSource("a document", "TEST-JSON", "TEST-JSON", "make it again")
    private val whole = SmallBundle().list().tree()
    private val trust = Trust(listOf(SmallBundle.SIGNER.pinned))
    private val stranger = Signer()

    /** [signed]: by the pinned key, after the change. */
    private class Mutant(val kind: String, val files: Map<String, ByteArray>, val signed: Boolean = false)

    @JvmStatic
    fun main(arguments: Array<String>) {
        val (count, first) = arguments.map { it.toInt() }
        ModelBundle.open(whole, trust)
        val seen = HashMap<String, Int>()
        for (number in first until first + count) {
            val mutant = mutate(Random(number))
            val answer = try {
                judge(mutant)
            } catch (wrong: Throwable) {
                throw AssertionError("mutant $number: ${mutant.kind}", wrong)
            }
            seen.merge(answer, 1, Int::plus)
        }
        println("$count changed bundles: ${seen.toSortedMap()}")
    }

    private fun judge(mutant: Mutant): String {
        try {
            ModelBundle.open(MemoryTree(mutant.files), trust)
        } catch (refusal: Refusal) {
            return refusal.code
        }
        if (mutant.signed) return "signed again, and read"
        check(mutant.files.keys == whole.files.keys) { "it holds other files, and was read" }
        for ((path, bytes) in whole.files - SIGNATURE) {
            check(bytes.contentEquals(mutant.files.getValue(path))) { "$path was changed, and read" }
        }
        check(value(whole.files.getValue(SIGNATURE)) == value(mutant.files.getValue(SIGNATURE))) {
            "its signature was changed, and read"
        }
        return "nothing changed"
    }

    private fun mutate(random: Random): Mutant {
        val files = whole.files
        val path = files.keys.random(random)
        val bytes = files.getValue(path)
        return when (random.nextInt(12)) {
            0, 1, 2 -> Mutant("bytes of $path", files + (path to damaged(bytes, random)))
            3 -> Mutant("without $path", files - path)
            4 -> Mutant("one more file", files + (name(path, random) to random.nextBytes(random.nextInt(50))))
            5 -> Mutant("$path under another name", files - path + (name(path, random) to bytes))
            6 -> Mutant("$path twice", files + (name(path, random) to bytes))
            7 -> {
                val other = files.keys.random(random)
                Mutant("$path and $other exchanged", files + mapOf(path to files.getValue(other), other to bytes))
            }
            8 -> Mutant("the manifest's JSON", files + (MANIFEST to changed(files.getValue(MANIFEST), random)))
            9 -> Mutant("the signature's JSON", files + (SIGNATURE to changed(files.getValue(SIGNATURE), random)))
            10 -> Mutant("the signed statement", files + (SIGNATURE to restated(files.getValue(SIGNATURE), random)))
            else -> signedAgain(random)
        }
    }

    private fun damaged(bytes: ByteArray, random: Random): ByteArray {
        val at = random.nextInt(bytes.size)
        val length = 1 + random.nextInt(minOf(bytes.size - at, 30))
        return when (random.nextInt(5)) {
            0 -> bytes.copyOf(at)
            1 -> bytes.copyOf(at) + random.nextBytes(length) + bytes.copyOfRange(at, bytes.size)
            2 -> bytes.copyOf(at) + bytes.copyOfRange(at + length, bytes.size)
            3 -> bytes.copyOf(at + length) + bytes.copyOfRange(at, bytes.size)
            else -> bytes.clone().also { it[at] = (it[at].toInt() xor (1 shl random.nextInt(8))).toByte() }
        }
    }

    private fun name(path: String, random: Random): String = when (random.nextInt(6)) {
        0 -> "$path.copy"
        1 -> path.uppercase()
        2 -> "more/$path"
        3 -> "../$path"
        4 -> "./$path"
        else -> "/$path"
    }.let { if (it in whole.files) "$it-" else it }

    /** One place of a document holds another value, is gone, or is there twice. */
    private fun changed(document: ByteArray, random: Random): ByteArray {
        val root = value(document)
        val place = places(root).random(random)
        val old = root.at(place)
        val values = listOf(
            null, true, -1, 0, 1e300, "", "x".repeat(300), "../x", emptyList<Any>(), mapOf("a" to 1), listOf(old, old),
            (old as? String)?.plus(" "), (old as? Number)?.toDouble()?.plus(1),
        )
        val parent = root.at(place.dropLast(1))
        val gone = parent is Map<*, *> && random.nextInt(4) == 0
        if (gone) root.remove(place) else root.put(place, values.random(random))
        return JsonText.of(root).toByteArray()
    }

    /** Another statement below the old signature. */
    private fun restated(envelope: ByteArray, random: Random): ByteArray {
        val root = value(envelope)
        val payload = Base64.getDecoder().decode(root.at(listOf("dsseEnvelope", "payload")) as String)
        root.put(listOf("dsseEnvelope", "payload"), Base64.getEncoder().encodeToString(changed(payload, random)))
        return JsonText.of(root).toByteArray()
    }

    /** Signed by a key that nobody pinned, or by the right one after the manifest or the statement was changed. */
    private fun signedAgain(random: Random): Mutant {
        val files = whole.files - SIGNATURE
        if (random.nextInt(4) == 0) {
            return Mutant("signed by a stranger", files + (SIGNATURE to stranger.sign(files)))
        }
        if (random.nextInt(4) == 0) {
            val root = value(whole.files.getValue(SIGNATURE))
            val payload = Base64.getDecoder().decode(root.at(listOf("dsseEnvelope", "payload")) as String)
            val sealed = SmallBundle.SIGNER.seal(changed(payload, random))
            return Mutant("another statement, signed", files + (SIGNATURE to sealed), signed = true)
        }
        val changed = changed(files.getValue(MANIFEST), random)
        @Suppress("UNCHECKED_CAST") // a place is below the root
        val manifest = if (random.nextBoolean()) changed else SmallBundle.seal(value(changed) as Map<String, Any?>)
        val all = files + (MANIFEST to manifest)
        return Mutant("another manifest, signed", all + (SIGNATURE to SmallBundle.SIGNER.sign(all)), signed = true)
    }

    private fun value(document: ByteArray): Any? = value(Json.parse(document, Int.MAX_VALUE, SOURCE))

    /** Maps and lists that can be changed. */
    private fun value(node: JsonNode): Any? = when {
        node.isNull -> null
        node.isObject -> node.entries().mapValuesTo(LinkedHashMap()) { value(it.value) }
        else -> listOf<() -> Any>(
            { node.long() }, { node.text() }, { node.flag() }, { node.number() },
            { node.elements().mapTo(ArrayList()) { value(it) } },
        ).firstNotNullOf { runCatching(it).getOrNull() }
    }
}
