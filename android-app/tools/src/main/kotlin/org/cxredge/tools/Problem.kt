package org.cxredge.tools

/**
 * An expected failure, shown without a stack trace: a stable [code] (docs/errors.md), what was found, what to do, and
 * the choices where there are some. [status] is the exit status: 2 misuse or bad input, 3 the environment.
 */
class Problem(
    val code: String,
    val reason: String,
    val fix: String,
    val choices: List<String> = emptyList(),
    val status: Int = MISUSE,
) : Exception("[$code] $reason") {
    /** The lines that a person reads, as the Python commands write them. */
    fun text(): String = buildString {
        append("error [$code]: $reason\nfix: $fix")
        if (choices.isNotEmpty()) append("\nchoices: ${choices.joinToString()}")
    }

    companion object {
        const val MISUSE: Int = 2
        const val ENVIRONMENT: Int = 3
    }
}
