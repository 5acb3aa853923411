package org.cxredge.core.film

/** Whether the bytes from [at] on are the characters of [magic], one byte (Latin-1) each. */
internal fun ByteArray.startsWith(magic: String, at: Int = 0): Boolean =
    size >= at + magic.length && magic.indices.all { this[at + it] == magic[it].code.toByte() }

/** The unsigned number in the [bytes] bytes (1..4) from [at] on. */
internal fun ByteArray.unsigned(at: Int, bytes: Int, bigEndian: Boolean = true): Long {
    var value = 0L
    for (i in 0 until bytes) {
        val byte = this[at + if (bigEndian) i else bytes - 1 - i].toLong() and 255
        value = value shl 8 or byte
    }
    return value
}
