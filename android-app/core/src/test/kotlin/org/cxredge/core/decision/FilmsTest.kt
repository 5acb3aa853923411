package org.cxredge.core.decision

import org.cxredge.core.Fixtures
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Output
import org.cxredge.core.bundle.Sha256
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.json.Json
import org.cxredge.core.json.JsonSource
import org.cxredge.core.model.Classifier
import org.cxredge.core.model.OnnxRuntime
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.math.abs

/** From a film's bytes to what is said of it: as `cxredge predict` says on the host. */
class FilmsTest {
    @TempDir
    lateinit var temp: File

    private val predicted = Json.parse(
        Fixtures.folder.resolve("predict.json").readBytes(), 16_000_000,
        JsonSource("predict.json", "SYNTAX", "SCHEMA", ""),
    ).elements(1..Int.MAX_VALUE)

    @Test
    fun saysWhatTheHostSays() {
        val bundle = Fixtures.open()
        val manifest = bundle.manifest
        val artifact = manifest.artifact(manifest.primary)
        val model = temp.resolve("model")
        bundle.extract(artifact.path, model)
        val preprocessor = Preprocessor { throw Refusal("IMG-FORMAT", "the films are PNG", "") }
        var worst = 0.0
        var decisions = 0
        val input = manifest.model.input
        Classifier(artifact, input, OnnxRuntime.open(model, artifact, input, 1)).use { classifier ->
            for (film in predicted) {
                val name = film["film"].text().substringAfterLast('/')
                val file = Fixtures.folder.resolve("films").resolve(name).readBytes()
                assertEquals(film["film_sha256"].text(), Sha256.of(file))
                assertEquals(film["bundle"].text(), manifest.id)
                val outputs = classifier.classify(preprocessor.preprocess(file, input).pixels)
                val decision = Decision.of(manifest.model, artifact, outputs) as Findings
                val expected = film["findings"].elements()
                assertEquals(expected.map { it["label"].text() }, decision.findings.map { it.label.name })
                for ((own, wanted) in decision.findings.zip(expected)) {
                    assertEquals(wanted["positive"].flag(), own.positive)
                    assertEquals(wanted["operating_point"].number(), own.operatingPoint.toDouble())
                    assertEquals(own.logit.toDouble() - own.operatingPoint, own.margin)
                    worst = maxOf(worst, abs(own.logit - wanted["logit"].number()))
                    decisions++
                }
                assertEquals(film["unlike_training_films"].flag(), decision.novelty?.unlikeTrainingFilms)
                assertEquals(film["novelty_threshold"].number(), decision.novelty?.threshold)
                val accidents = film["quality"].elements()
                assertEquals(accidents.map { it["flagged"].flag() }, decision.quality.map { it.suspected })
                for ((own, wanted) in decision.quality.zip(accidents)) {
                    assertEquals(wanted["kind"].text(), own.accident.name.lowercase().replace('_', '-'))
                    val difference = abs(own.logOdds - wanted["log_odds"].number())
                    assertTrue(difference <= artifact.tolerance[Output.QUALITY])
                }
            }
        }
        println("$decisions decisions on ${predicted.size} films as on the host; largest difference of a logit: $worst")
        assertTrue(worst <= artifact.tolerance[Output.LOGITS])
    }
}
