package org.cxredge.core.selftest

/** Counts the checks of one stage of the self-test, and keeps the worst figure and the first failure. */
internal class Tally(private val stage: Stage) {
    private var checks = 0
    private var worst = 0.0
    private var failure: String? = null

    /** One check with the figure [value]; [detail] says what was wrong with it. Returns whether it passed. */
    fun check(value: Double, detail: () -> String): Boolean {
        checks++
        worst = maxOf(worst, value)
        val passed = value <= stage.allowed
        if (!passed) fail(detail())
        return passed
    }

    /** A failure without a figure. */
    fun fail(detail: String) {
        if (failure == null) failure = detail
    }

    /** Runs [part]; what it throws is a failed check. */
    fun guard(case: String, part: () -> Unit) {
        try {
            part()
        } catch (error: Exception) {
            checks++
            fail("$case: ${error.message ?: error.javaClass.name}")
        }
    }

    fun verdict(): StageVerdict = StageVerdict(stage, checks, worst, failure)
}
