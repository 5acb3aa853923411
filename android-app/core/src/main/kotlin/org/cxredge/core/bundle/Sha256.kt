package org.cxredge.core.bundle

import java.io.InputStream
import java.io.OutputStream
import java.security.MessageDigest

/** SHA-256 of bytes and streams, as 64 lower-case hexadecimal digits. */
internal object Sha256 {
    /** What such a hash looks like. */
    val HEX: Regex = Regex("[0-9a-f]{64}")
    private const val BLOCK = 1 shl 16
    private const val DIGITS = "0123456789abcdef"

    class Copied(val bytes: Long, val sha256: String)

    fun of(bytes: ByteArray): String = hex(digest().digest(bytes))

    /** Reads [from] to its end, or one byte past [atMost], copying to [to] as it hashes. */
    fun copy(from: InputStream, atMost: Long, to: OutputStream? = null): Copied {
        val digest = digest()
        val block = ByteArray(BLOCK)
        var total = 0L
        while (total <= atMost) {
            val read = from.read(block, 0, minOf(BLOCK.toLong(), atMost - total + 1).toInt())
            if (read < 0) break
            digest.update(block, 0, read)
            to?.write(block, 0, read)
            total += read
        }
        return Copied(total, hex(digest.digest()))
    }

    fun digest(): MessageDigest = MessageDigest.getInstance("SHA-256")

    fun hex(bytes: ByteArray): String {
        val text = StringBuilder(2 * bytes.size)
        for (byte in bytes) text.append(DIGITS[(byte.toInt() shr 4) and 0xf]).append(DIGITS[byte.toInt() and 0xf])
        return text.toString()
    }

    /** The bytes of an even number of hexadecimal digits. */
    fun bytes(hex: String): ByteArray =
        ByteArray(hex.length / 2) { hex.substring(2 * it, 2 * it + 2).toInt(16).toByte() }
}
