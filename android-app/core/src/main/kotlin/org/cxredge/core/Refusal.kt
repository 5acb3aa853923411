package org.cxredge.core

/**
 * What is refused, and why. [code] is stable and shared with the Python side (docs/errors.md); [reason] and [fix] are
 * plain English for logs, and apps show their own translated text for a code.
 */
open class Refusal(val code: String, val reason: String, val fix: String, cause: Throwable? = null) :
    Exception("$code: $reason", cause)
