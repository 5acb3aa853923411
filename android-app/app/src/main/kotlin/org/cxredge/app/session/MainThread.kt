package org.cxredge.app.session

import java.util.concurrent.Executor

/** The thread that a session belongs to. [executor]: hands work over to it. */
class MainThread(private val thread: Thread, private val executor: Executor) : Executor by executor {
    /** Throws IllegalStateException on every other thread: a session that two threads change is worth nothing. */
    fun check() {
        val current = Thread.currentThread()
        check(current === thread) { "the session was called on the thread ${current.name}, not on ${thread.name}" }
    }
}
