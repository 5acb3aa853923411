package org.cxredge.app.session

import org.cxredge.core.bundle.FileTree
import org.cxredge.core.bundle.ModelVersion
import org.cxredge.core.bundle.PinnedKey
import org.cxredge.core.film.JpegDecoder
import org.cxredge.core.log.Crash
import org.cxredge.core.model.ModelRuntime
import java.io.File

/** What the app is made of. The Application builds it once; tests build their own from the same parts. */
class Services(
    /** Where the bundle lies. */
    val bundle: FileTree,
    /** The public keys that the app was built with. Throws [org.cxredge.core.Refusal] KEY-SYNTAX, KEY-NONE. */
    val keys: () -> List<PinnedKey>,
    /** The runtime that the app was built with. Throws [org.cxredge.core.Refusal] RUNTIME-NONE. */
    val runtime: () -> ModelRuntime,
    val accepted: AcceptedVersions,
    /** Private folder for the model files that a runtime maps into memory. */
    val models: File,
    val jpeg: JpegDecoder,
    /** How earlier runs of the app ended without being asked to, oldest first. Called on the worker's thread. */
    val crashes: () -> List<Crash>,
)

/** The newest version of each model that this phone accepted: nothing older is accepted after it. */
interface AcceptedVersions {
    fun newest(): Map<String, ModelVersion>

    fun accept(name: String, version: ModelVersion)
}
