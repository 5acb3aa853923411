package org.cxredge.core.selftest

/** What a part of the self-test judges. [allowed]: the worst figure that passes, in the stage's unit. */
enum class Stage(val allowed: Double) {
    /** From a picture's bytes to the model's pixels: byte for byte. Grey levels. */
    PREPROCESSING(0.0),

    /** From the expected pixels to the model's outputs: within the artifact's tolerance. Share of it. */
    RUNTIME(1.0),

    /** From outputs to what is said of a film: exactly. Wrong decisions. */
    DECISION(0.0),
}

/**
 * What came out of one stage. [checks]: pictures, tensors, decisions. [worst]: in the stage's unit. [failure]: the
 * first one, in English, naming case and tensor; null where there was none.
 */
class StageVerdict(val stage: Stage, val checks: Int, val worst: Double, failure: String?) {
    init {
        require(checks >= 0) { "$checks checks" }
    }

    /** Empty when passed, and only then. */
    val detail: String = when {
        failure != null -> failure.ifEmpty { "it failed" }
        checks == 0 -> "nothing was checked"
        worst in 0.0..stage.allowed -> ""
        else -> "$worst is not within 0.0..${stage.allowed}"
    }
    val passed: Boolean get() = detail.isEmpty()
}

/** Every stage, each once, and how long they took. */
class SelfTestResult(val stages: List<StageVerdict>, val seconds: Double) {
    init {
        require(stages.map { it.stage } == Stage.entries) { "stages are missing, or in another order" }
        require(seconds.isFinite() && seconds >= 0) { "$seconds seconds" }
    }

    val passed: Boolean get() = stages.all { it.passed }
}
