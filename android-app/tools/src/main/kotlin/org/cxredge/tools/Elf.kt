package org.cxredge.tools

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * What an APK's checks read of a shared library (ELF, 64 bit, little-endian): [machine] (e_machine), the smallest
 * [pageSize] (p_align of its loaded segments) and the libraries that it needs.
 */
class Elf private constructor(val machine: Int, val pageSize: Long, val needed: List<String>) {
    private class Segment(val type: Int, val offset: Long, val address: Long, val size: Long, val alignment: Long)

    companion object {
        /** e_machine by the folder under lib/. */
        val MACHINES: Map<String, Int> = mapOf("arm64-v8a" to 183, "x86_64" to 62)
        private const val PT_LOAD = 1
        private const val PT_DYNAMIC = 2
        private const val DT_NEEDED = 1L
        private const val DT_STRTAB = 5L

        /** Throws [Problem] APK-LIBRARY where [bytes] are no such library. */
        fun parse(name: String, bytes: ByteArray): Elf {
            try {
                return parse(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN))
            } catch (_: IndexOutOfBoundsException) {
                throw notElf(name)
            } catch (_: IllegalArgumentException) {
                throw notElf(name)
            } catch (_: ArithmeticException) {
                throw notElf(name)
            }
        }

        private fun parse(elf: ByteBuffer): Elf {
            // magic, 64 bit, little-endian
            require(elf.getInt(0) == 0x464c457f && elf.getShort(4).toInt() == 0x0102)
            val table: Int = Math.toIntExact(elf.getLong(32))
            val entry: Int = elf.getShort(54).toInt()
            val segments: List<Segment> = List(elf.getShort(56).toInt()) { index ->
                val at: Int = table + index * entry
                Segment(
                    elf.getInt(at), elf.getLong(at + 8), elf.getLong(at + 16), elf.getLong(at + 32), elf.getLong(at + 48),
                )
            }
            val loaded: List<Segment> = segments.filter { it.type == PT_LOAD }
            require(loaded.isNotEmpty())
            return Elf(elf.getShort(18).toInt(), loaded.minOf { it.alignment }, needed(elf, segments, loaded))
        }

        private fun needed(elf: ByteBuffer, segments: List<Segment>, loaded: List<Segment>): List<String> {
            val dynamic: Segment = segments.firstOrNull { it.type == PT_DYNAMIC } ?: return emptyList()
            require(dynamic.size in 0..elf.limit())
            val tags: List<Pair<Long, Long>> = List((dynamic.size / 16).toInt()) { index ->
                val at: Int = Math.toIntExact(dynamic.offset) + index * 16
                elf.getLong(at) to elf.getLong(at + 8)
            }
            val address: Long = requireNotNull(tags.firstOrNull { it.first == DT_STRTAB }?.second)
            val home: Segment = requireNotNull(loaded.firstOrNull { address - it.address in 0 until it.size })
            val strings: Int = Math.toIntExact(address - home.address + home.offset)
            return tags.filter { it.first == DT_NEEDED }.map { string(elf, Math.toIntExact(strings + it.second)) }
        }

        private fun string(elf: ByteBuffer, at: Int): String =
            generateSequence(at) { it + 1 }.map { elf.get(it) }.takeWhile { it != 0.toByte() }.toList().toByteArray()
                .decodeToString()

        private fun notElf(name: String): Problem = Problem(
            "APK-LIBRARY", "$name is no 64-bit ELF library", "lay the runtime again: make android-runtime",
        )
    }
}
