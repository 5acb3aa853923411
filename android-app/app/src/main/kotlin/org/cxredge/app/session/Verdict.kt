package org.cxredge.app.session

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.model.Classifier
import org.cxredge.core.model.ModelRuntime
import org.cxredge.core.selftest.SelfTestResult

/** Whether films may be analysed. It lives as long as the process: after its death everything is checked again. */
sealed interface Verdict {
    data object Unchecked : Verdict

    /** [done] of [all] known answers; both 0 where a step has no parts. [tried]: how far it has come. */
    data class Checking(val step: Step, val tried: Tried = Tried(), val done: Int = 0, val all: Int = 0) : Verdict

    /** The bundle, or what is needed to use it, was refused. [tried]: how far it had come. */
    data class Refused(val refusal: Refusal, val tried: Tried) : Verdict

    /** The bundle is as it was signed, and this phone does not give its known answers. */
    data class Failed(val checked: Checked) : Verdict

    data class Passed(val checked: Checked) : Verdict
}

/** What a check has come to: an accepted bundle, and the artifact to be run; null before that. */
data class Tried(
    val bundle: ModelBundle? = null,
    val artifact: Artifact? = null,
    val runtime: ModelRuntime? = null,
)

enum class Step { BUNDLE, MODEL, SELF_TEST }

/** A bundle whose signature and hashes were checked, the artifact in use, and what the self-test said of it. */
class Checked(
    val bundle: ModelBundle,
    val artifact: Artifact,
    val runtime: ModelRuntime,
    val preprocessor: Preprocessor,
    val classifier: Classifier,
    val selfTest: SelfTestResult,
) {
    val tried: Tried get() = Tried(bundle, artifact, runtime)
}
