package org.cxredge.app.platform

import android.content.res.AssetManager
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.PinnedKey

/** The public keys that the app was built with: assets/keys/<name>.pub. */
object AssetKeys {
    /** Throws [Refusal] KEY-NONE, KEY-SYNTAX. */
    fun read(assets: AssetManager): List<PinnedKey> {
        val names = assets.list("keys").orEmpty().filter { it.endsWith(".pub") }.sorted()
        if (names.isEmpty()) {
            throw Refusal("KEY-NONE", "the app holds no public key in assets/keys", "add the signer's key and build again")
        }
        return names.map { name ->
            val text = assets.open("keys/$name").use { it.readBytes() }.toString(Charsets.UTF_8)
            PinnedKey.parse(name.removeSuffix(".pub"), text)
        }
    }
}
