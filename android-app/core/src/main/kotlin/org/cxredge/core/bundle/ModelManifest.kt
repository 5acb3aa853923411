package org.cxredge.core.bundle

import org.cxredge.core.Refusal

/** A bundle's manifest, schema version 2 (docs/bundle.md): all that an app must know of the bundle. */
class ModelManifest(
    /** Name, version, and the first digits of a hash over everything else in the manifest. */
    val id: String,
    /** host, android or ios. */
    val kind: String,
    val model: Model,
    val artifacts: List<Artifact>,
    /** Name of the artifact that the bundle wants to be used first. */
    val primary: String,
    /** Path of the self-test's known answers. */
    val selfTest: String,
) {
    /** The artifact of that name. Throws [Refusal] BUNDLE-ARTIFACT. */
    fun artifact(name: String): Artifact = artifacts.find { it.name == name } ?: throw Refusal(
        "BUNDLE-ARTIFACT",
        "the bundle $id has no artifact $name",
        "choose one of ${artifacts.joinToString { it.name }}",
    )
}
