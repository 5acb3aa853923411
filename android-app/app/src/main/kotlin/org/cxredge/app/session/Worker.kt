package org.cxredge.app.session

import java.util.concurrent.CancellationException
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors

/** A piece of work that may be given up: what a cancelled job says or gives back is dropped. */
class Job {
    @Volatile
    var cancelled: Boolean = false
        private set

    fun cancel() {
        cancelled = true
    }

    /** To be called between stages, on the worker's thread. */
    fun check() {
        if (cancelled) throw CancellationException("cancelled")
    }
}

/** One background thread, one job at a time, in order. [main]: where results are handed over. */
class Worker(val main: MainThread) {
    private val thread: ExecutorService = Executors.newSingleThreadExecutor { Thread(it, "cxr-worker") }

    /** Runs [work] in the background, then [done] on the main thread unless the job was cancelled until then. */
    fun <T> start(work: (Job) -> T, done: (Result<T>) -> Unit): Job {
        val job = Job()
        thread.execute {
            val result = runCatching {
                job.check()
                work(job)
            }
            tell(job) { done(result) }
        }
        return job
    }

    /** Runs [action] on the main thread unless [job] was cancelled until then. */
    fun tell(job: Job, action: () -> Unit) = main.execute { if (!job.cancelled) action() }
}
