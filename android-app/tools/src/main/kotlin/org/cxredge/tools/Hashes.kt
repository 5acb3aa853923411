package org.cxredge.tools

import java.io.OutputStream
import java.nio.file.Path
import java.security.DigestInputStream
import java.security.MessageDigest
import java.util.HexFormat
import kotlin.io.path.inputStream

/** The digest of a file's bytes. [algorithm]: SHA-256 or SHA-512. */
fun Path.hash(algorithm: String): ByteArray {
    val digest: MessageDigest = MessageDigest.getInstance(algorithm)
    DigestInputStream(inputStream(), digest).use { it.copyTo(OutputStream.nullOutputStream(), 1 shl 16) }
    return digest.digest()
}

/** Lower-case hexadecimal. */
fun ByteArray.toHex(): String = HexFormat.of().formatHex(this)
