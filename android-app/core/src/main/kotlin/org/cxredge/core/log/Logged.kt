package org.cxredge.core.log

import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.selftest.SelfTestResult

/** The app that writes a log. [name]: lower case, as `cxr-edge-android`. */
class LoggedApp(val name: String, val version: String) {
    init {
        require(NAME.matches(name)) { "\"$name\" is no name of an app" }
    }

    private companion object {
        val NAME = Regex("[a-z][a-z0-9-]{0,39}")
    }
}

/** A bundle that was accepted. [run]: what its artifact did; null where none was chosen. */
class LoggedBundle(val bundle: ModelBundle, val run: LoggedRun?)

/** An artifact that was run, or tried. [runtime]: name and version. [selfTest]: null where it was not begun. */
class LoggedRun(
    val artifact: Artifact,
    val runtime: String,
    val selfTest: SelfTestResult?,
    val benchmark: Benchmark?,
) {
    init {
        require(benchmark == null || selfTest?.passed == true) { "only a model that passed its self-test is measured" }
    }
}
