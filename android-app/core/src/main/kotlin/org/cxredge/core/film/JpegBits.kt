package org.cxredge.core.film

internal const val RST0 = 0xD0
internal const val RST7 = 0xD7

/**
 * Bits of entropy-coded data from [at] on, up to the next marker (ITU-T T.81 B.1.1.5, F.2.2.5).
 *
 * Throws [org.cxredge.core.Refusal] IMG-TRUNCATED where the bits are over, IMG-DAMAGED for a code that is in no table.
 */
internal class JpegBits(private val data: ByteArray, private var at: Int) {
    private var buffer = 0L
    private var count = 0

    // a marker, or the file's end, is at `at`
    private var over = false

    // bytes of the coded data that no code used
    private var surplus = 0

    /** The next symbol. */
    fun symbol(table: JpegHuffman): Int {
        if (count < NEEDED) fill()
        val next = (if (count >= 16) buffer ushr (count - 16) else buffer shl (16 - count)).toInt() and 0xFFFF
        val found = table.find(next)
        if (found == 0) throw if (count < 16) uncovered() else damaged("its coded data holds a code that is none")
        count -= found ushr 8
        if (count < 0) throw uncovered()
        return found and 255
    }

    /** Passes [bits] bits, 0 or more. */
    fun skip(bits: Int) {
        var left = bits
        while (left > count) {
            left -= count
            count = 0
            fill()
            if (count == 0) throw uncovered()
        }
        count -= left
    }

    /** The next [bits] bits, 0..16, as a number. */
    fun number(bits: Int): Int {
        if (count < bits) fill()
        count -= bits
        if (count < 0) throw uncovered()
        return (buffer ushr count).toInt() and ((1 shl bits) - 1)
    }

    /** Passes what is left before the restart marker of number [expected], 0..7, and the marker. */
    fun restart(expected: Int) {
        val marker = marker()
        if (marker !in RST0..RST7) throw uncovered()
        if (marker != RST0 + expected) throw damaged("its restart markers are out of order")
        at += 2
        over = false
        surplus = 0
    }

    /** Where the first marker behind this data is that is no restart marker; the file's end where there is none. */
    fun end(): Int {
        while (marker() in RST0..RST7) {
            at += 2
            over = false
        }
        return at
    }

    /**
     * Drops bits and bytes up to the next marker, and returns it, -1 at the file's end. Padding (zeros, ones) and
     * [SURPLUS] further bytes pass; more mean that the picture was larger than it says.
     */
    private fun marker(): Int {
        while (true) {
            for (i in 0 until count / 8) {
                val byte = (buffer ushr (8 * i)).toInt() and 255
                if (byte != 0 && byte != 255) surplus++
            }
            if (surplus > SURPLUS) throw damaged("its coded data goes on behind the image")
            count = 0
            if (over) break
            fill()
        }
        return if (at + 1 < data.size) data[at + 1].toInt() and 255 else -1
    }

    private fun fill() {
        while (count <= 48 && !over) {
            if (at == data.size) return stop(at)
            var byte = data[at].toInt()
            if (byte == -1) {
                // fill bytes before a marker, and before the zero that makes FF a byte of data: as libjpeg reads them
                var next = at + 1
                while (next < data.size && data[next].toInt() == -1) next++
                if (next == data.size) return stop(next)
                if (data[next].toInt() != 0) return stop(next - 1)
                at = next
                byte = 255
            }
            at++
            buffer = buffer shl 8 or (byte and 255).toLong()
            count += 8
        }
    }

    private fun stop(at: Int) {
        this.at = at
        over = true
    }

    private companion object {
        /** A code and the bits that follow it, at most. */
        const val NEEDED = 32

        /** Bytes behind the last code that some encoders leave. */
        const val SURPLUS = 4
    }
}
