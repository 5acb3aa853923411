package org.cxredge.core

enum class Stage { PREPROCESSING, RUNTIME, DECISION }

/** [worst] and [allowed] have the unit of the stage: levels, share of the tolerance, decisions. */
class StageVerdict(
    val stage: Stage,
    val passed: Boolean,
    val checks: Int,
    val worst: Double,
    val allowed: Double,
    /** The first failure, in English, naming case and tensor; empty when passed. */
    val detail: String,
)

class SelfTestResult(val stages: List<StageVerdict>, val seconds: Double) {
    val passed: Boolean get() = stages.isNotEmpty() && stages.all { it.passed }
}

/** Recomputes the bundle's known answers before anything else is shown. */
object SelfTest {
    /** Never throws for what the bundle or runtime does wrong: that is a failed stage. [progress]: cases done, of all. */
    fun run(
        bundle: Bundle,
        classifier: Classifier,
        preprocessor: Preprocessor,
        progress: (Int, Int) -> Unit = { _, _ -> },
    ): SelfTestResult = TODO()
}
