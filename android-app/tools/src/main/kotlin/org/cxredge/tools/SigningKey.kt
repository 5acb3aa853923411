package org.cxredge.tools

import java.io.IOException
import java.nio.file.Path
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.PrivateKey
import java.security.cert.X509Certificate
import kotlin.io.path.deleteExisting
import kotlin.io.path.exists

/** What an APK is signed with. [development]: made on this machine for trying out, not for release. */
class SigningKey private constructor(
    val key: PrivateKey,
    val certificate: X509Certificate,
    val development: Boolean,
) {
    companion object {
        private const val PASSWORD_VARIABLE = "ANDROID_KEYSTORE_PASSWORD"

        // guards nothing: the file is readable by its owner alone, and the key is worth nothing outside this machine
        private const val DEVELOPMENT_PASSWORD = "development"

        /** The key of this machine's builds, made at [file] on first use: RSA, whose signatures repeat byte for byte. */
        fun development(file: Path): SigningKey {
            if (!file.exists()) wholeFile(file) { beside ->
                beside.deleteExisting() // keytool makes the file itself
                val answer: Answer = run(
                    listOf(
                        "keytool", "-genkeypair", "-keystore", "$beside", "-storetype", "PKCS12",
                        "-storepass", DEVELOPMENT_PASSWORD, "-alias", "development", "-keyalg", "RSA",
                        "-keysize", "3072", "-validity", "10000", "-dname", "CN=CXR Edge development key (not for release)",
                    ),
                )
                check(answer.status == 0) { "keytool: ${answer.output}" }
                beside.toFile().apply {
                    setReadable(false, false)
                    setReadable(true, true)
                }
            }
            return read(file, DEVELOPMENT_PASSWORD, development = true)
        }

        /** A release key's keystore, its password in ANDROID_KEYSTORE_PASSWORD. Throws [Problem] APK-KEYSTORE. */
        fun release(file: Path): SigningKey {
            val password: String = System.getenv(PASSWORD_VARIABLE)
                ?: throw unusable(file, "$PASSWORD_VARIABLE is not set", "set it to the keystore's password")
            return read(file, password, development = false)
        }

        private fun read(file: Path, password: String, development: Boolean): SigningKey {
            try {
                val store: KeyStore = KeyStore.getInstance(file.toFile(), password.toCharArray())
                val name: String = store.aliases().toList().singleOrNull(store::isKeyEntry)
                    ?: throw unusable(file, "it must hold exactly one key", "export the one key into a keystore")
                val key: PrivateKey = store.getKey(name, password.toCharArray()) as? PrivateKey
                    ?: throw unusable(file, "its key is no private key", "name the keystore of an APK signing key")
                if (key.algorithm != "RSA") {
                    throw unusable(file, "its key is ${key.algorithm}", "use an RSA key: its signatures repeat")
                }
                return SigningKey(key, store.getCertificate(name) as X509Certificate, development)
            } catch (failure: IOException) {
                throw unusable(file, failure.message.orEmpty(), "check the file and $PASSWORD_VARIABLE")
            } catch (failure: GeneralSecurityException) {
                throw unusable(file, failure.message.orEmpty(), "check the file and $PASSWORD_VARIABLE")
            }
        }

        private fun unusable(file: Path, why: String, fix: String): Problem =
            Problem("APK-KEYSTORE", "$file cannot sign: $why", fix)
    }
}
