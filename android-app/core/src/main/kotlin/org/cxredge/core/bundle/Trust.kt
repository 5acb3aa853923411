package org.cxredge.core.bundle

/** What an app accepts: bundles signed by one of [keys], and of each model (by name) nothing older than [newest]. */
class Trust(val keys: List<PinnedKey>, val newest: Map<String, ModelVersion> = emptyMap())
