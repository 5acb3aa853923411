package org.cxredge.app.session

import org.cxredge.core.decision.Decision
import org.cxredge.core.film.InputSpec
import org.cxredge.core.film.passingOver

/** One film through the model: read, preprocess, run, decide. */
class Analysis(private val checked: Checked, private val reader: FilmReader) {
    /** Runs on the worker's thread. Throws [org.cxredge.core.Refusal] FILM-ACCESS, IMG-*, RUNTIME-*. */
    fun run(request: FilmRequest, job: Job, report: (FilmStage) -> Unit): FilmResult {
        val model = checked.bundle.manifest.model
        report(FilmStage.READING)
        val bytes = reader.read(request.address, job)
        job.check()
        report(FilmStage.PREPROCESSING)
        val prepare = { spec: InputSpec -> checked.preprocessor.preprocessAndShow(bytes, spec, SIDE, request.colour) }
        val (both, passedOver) =
            if (request.otherKinds) passingOver(model.input, prepare) else prepare(model.input) to emptyList()
        job.check()
        report(FilmStage.INFERENCE)
        val outputs = checked.classifier.classify(both.film.pixels)
        val decision = Decision.of(model, checked.artifact, outputs)
        return FilmResult(both.film, both.picture, model, outputs, decision, passedOver)
    }

    companion object {
        /** Longer side, in pixels, of the film on the screen. */
        const val SIDE: Int = 1024
    }
}
