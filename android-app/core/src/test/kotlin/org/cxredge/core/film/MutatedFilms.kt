package org.cxredge.core.film

import org.cxredge.core.Refusal
import java.io.File
import java.util.zip.CRC32
import kotlin.random.Random

/**
 * Damages films by lot and reads each; [MutatedFilmsTest] runs it in a small heap. Arguments: how many, and the first
 * one's number.
 *
 * A film must be read or refused by an IMG-* code. Where damage is certain to be seen, reading it is wrong: a changed
 * byte in a PNG whose checksums are left alone, and a film that is cut, with or without an end marker behind the cut,
 * unless it gives the pixels of the whole one.
 */
internal object MutatedFilms {
    private val SPEC = InputSpec(1, 24, 24, Fit.PAD, 0, NoWindow.STORED_RANGE)

    private class Source(val name: String, val bytes: ByteArray, val spec: InputSpec) {
        /** What must come out of a film that only lost what does not count; null where the whole one is refused. */
        val pixels: ByteArray? = read(bytes, spec)
    }

    private class Mutant(val bytes: ByteArray, val kind: String, val cut: Boolean = false, val sealed: Boolean = false)

    @JvmStatic
    fun main(arguments: Array<String>) {
        val (count, first) = arguments.map { it.toInt() }
        val sources = sources()
        val seen = HashMap<String, Int>()
        for (number in first until first + count) {
            val random = Random(number)
            val source = sources[random.nextInt(sources.size)]
            val mutant = mutate(source.bytes, sources[random.nextInt(sources.size)].bytes, random)
            val answer = try {
                judge(source, mutant)
            } catch (wrong: Throwable) {
                throw AssertionError("mutant $number, ${source.name}, ${mutant.kind}", wrong)
            }
            seen.merge(answer, 1, Int::plus)
        }
        println("$count damaged films: ${seen.toSortedMap()}")
    }

    private fun sources(): List<Source> {
        val vectors = Vectors.manifest["films"].elements().map {
            Source(it["name"].text(), Vectors.bytes(it["source"]), spec(it["spec"]))
        }
        val folder = File(System.getProperty("cxr.cases"))
        val cases = checkNotNull(folder.listFiles()).filter { it.extension == "dcm" }.sorted()
        val jpegs = parse(fixture("film-cases/jpegs.json"))["films"].elements()
        val all = fixture("film-cases/jpegs.bin").readBytes()
        return vectors + cases.map { Source(it.name, it.readBytes(), SPEC) } + jpegs.map {
            val bytes = all.copyOfRange(it["at"].int(), it["at"].int() + it["size"].int())
            Source("${it["name"].text()}.jpg", bytes, SPEC.copy(channels = if ("-4" in it["name"].text()) 3 else 1))
        }
    }

    private fun read(film: ByteArray, spec: InputSpec): ByteArray? = try {
        Preprocessor(IMAGE_IO).preprocess(film, spec).pixels
    } catch (_: Refusal) {
        null
    }

    /** Returns what became of it: "read", or the code. */
    private fun judge(source: Source, mutant: Mutant): String {
        val film = try {
            Preprocessor(IMAGE_IO).preprocess(mutant.bytes, source.spec)
        } catch (refusal: Refusal) {
            check(refusal.code.startsWith("IMG-")) { refusal }
            return refusal.code
        }
        check(film.pixels.size == source.spec.run { channels * height * width })
        val same = source.pixels != null && film.pixels.contentEquals(source.pixels)
        check(same || !mutant.cut) { "it was cut, and read as another film" }
        // with DICOM's prefix where it must be, the first bytes may be any
        val png = source.bytes.startsWith(PNG_SIGNATURE) && !mutant.bytes.startsWith(DICOM_PREFIX, at = 128)
        if (png && !mutant.sealed) {
            val grown = mutant.bytes.copyOf(source.bytes.size).contentEquals(source.bytes)
            check(same && grown) { "its checksums are wrong, and it was read" }
        }
        return "read"
    }

    private fun mutate(film: ByteArray, other: ByteArray, random: Random): Mutant {
        val at = random.nextInt(film.size)
        val length = 1 + random.nextInt(minOf(film.size - at, if (random.nextBoolean()) 16 else film.size))
        val end = at + length
        return when (random.nextInt(10)) {
            0 -> Mutant(film.copyOf(at), "cut at $at", cut = true)
            1 -> Mutant(film.copyOf(at) + TestJpeg.END, "cut at $at, ended", cut = film.startsWith(JPEG_SIGNATURE))
            2 -> Mutant(film.copyOf(at) + random.nextBytes(length) + film.copyOfRange(at, film.size), "inserted at $at")
            3 -> Mutant(film.copyOf(at) + film.copyOfRange(end, film.size), "without $at..$end")
            4 -> Mutant(film.copyOf(end) + film.copyOfRange(at, film.size), "$at..$end twice")
            5 -> Mutant(film.clone().also { it.fill(if (random.nextBoolean()) 0 else -1, at, end) }, "filled $at..$end")
            6 -> {
                val spliced = film.copyOf(at) + other.copyOfRange(minOf(at, other.size), other.size)
                // both may begin alike
                Mutant(spliced, "spliced at $at", sealed = spliced.contentEquals(other))
            }
            7 -> sealed(flipped(film, random, film.size))
            // headers are short, and most of what a reader believes is in them
            8 -> sealed(flipped(film, random, minOf(film.size, 700)))
            else -> Mutant(flipped(film, random, film.size), "flipped")
        }
    }

    private fun flipped(film: ByteArray, random: Random, end: Int): ByteArray = film.clone().also {
        repeat(1 + random.nextInt(4)) { _ ->
            val at = random.nextInt(end)
            it[at] = (it[at].toInt() xor (1 shl random.nextInt(8))).toByte()
        }
    }

    /** A PNG's chunks get checksums that are right again. */
    private fun sealed(film: ByteArray): Mutant {
        var at = PNG_SIGNATURE.length
        while (film.startsWith(PNG_SIGNATURE) && at + 12 <= film.size) {
            val size = film.unsigned(at, 4)
            if (at + 12 + size > film.size) break
            val crc = CRC32().apply { update(film, at + 4, 4 + size.toInt()) }.value
            at += 8 + size.toInt()
            for (i in 0 until 4) film[at + i] = (crc shr (24 - 8 * i)).toByte()
            at += 4
        }
        return Mutant(film, "flipped and sealed", sealed = true)
    }
}
