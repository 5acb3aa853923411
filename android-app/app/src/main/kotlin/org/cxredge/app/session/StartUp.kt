package org.cxredge.app.session

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.Trust
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.model.Classifier
import org.cxredge.core.selftest.SelfTest

/** From the packaged files to a verdict: signature and hashes, then the model, then its known answers. */
class StartUp(private val services: Services) {
    /** Runs on the worker's thread. Throws [Refusal] for everything that comes before the self-test. */
    fun run(job: Job, report: (Verdict.Checking) -> Unit): Checked {
        report(Verdict.Checking(Step.BUNDLE))
        if (services.bundle.list().isEmpty()) {
            throw Refusal("BUNDLE-MISSING", "the app was built without a model", "package one: make android-model")
        }
        val bundle = ModelBundle.open(services.bundle, Trust(services.keys(), services.accepted.newest()))
        val model = bundle.manifest.model
        job.check()
        report(Verdict.Checking(Step.MODEL, Tried(bundle)))
        val runtime = services.runtime()
        val artifact = ArtifactChoice.of(bundle.manifest, runtime)
        val tried = Tried(bundle, artifact, runtime)
        report(Verdict.Checking(Step.MODEL, tried))
        val file = ModelFile(services.models).ready(bundle, artifact)
        val classifier = Classifier(artifact, model.input, runtime.open(file, artifact, model.input, THREADS))
        job.check()
        report(Verdict.Checking(Step.SELF_TEST, tried))
        val preprocessor = Preprocessor(services.jpeg)
        val result = SelfTest.run(bundle, classifier, preprocessor) { done, all ->
            report(Verdict.Checking(Step.SELF_TEST, tried, done, all))
        }
        // a version that does not work on this phone must not bar the way back to one that did
        if (result.passed) services.accepted.accept(model.name, model.version)
        return Checked(bundle, artifact, runtime, preprocessor, classifier, result)
    }

    companion object {
        /** Two fast cores are what most phones have; the benchmark shows what more would give. */
        const val THREADS: Int = 2
    }
}
