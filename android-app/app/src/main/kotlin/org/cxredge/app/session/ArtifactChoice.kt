package org.cxredge.app.session

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelManifest
import org.cxredge.core.model.ModelRuntime

/** Which artifact of a bundle an app runs. */
object ArtifactChoice {
    /**
     * The primary one when the app's runtime runs it, else the first that it runs.
     * Throws [Refusal] RUNTIME-NONE when there is none: nothing else is ever run in its place.
     */
    fun of(manifest: ModelManifest, runtime: ModelRuntime): Artifact {
        val primary = manifest.artifact(manifest.primary)
        if (primary.target == runtime.target) return primary
        return manifest.artifacts.firstOrNull { it.target == runtime.target } ?: throw Refusal(
            "RUNTIME-NONE",
            "the app was built with ${runtime.name} (${runtime.target}), and ${manifest.id} holds " +
                manifest.artifacts.joinToString { it.name },
            "package a bundle with an artifact for ${runtime.target}, or build the app with another runtime",
        )
    }
}
