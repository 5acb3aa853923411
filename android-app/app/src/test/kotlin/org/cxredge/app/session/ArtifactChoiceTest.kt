package org.cxredge.app.session

import org.cxredge.app.Fixtures
import org.cxredge.app.OnnxRuntime
import org.cxredge.app.runtime.ExecuTorchRuntime
import org.cxredge.app.runtime.TfliteRuntime
import org.cxredge.core.Refusal
import org.cxredge.core.bundle.ModelBundle
import org.cxredge.core.bundle.Trust
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class ArtifactChoiceTest {
    private val manifest = ModelBundle.open(Fixtures.findings.folder(), Trust(Fixtures.keys())).manifest

    @Test
    fun thePrimaryOneOfTheRuntime() {
        assertEquals(manifest.primary, ArtifactChoice.of(manifest, OnnxRuntime()).name)
    }

    @Test
    fun neverOneOfAnotherTarget() {
        for (runtime in listOf(ExecuTorchRuntime("ExecuTorch"), TfliteRuntime("TensorFlow Lite"))) {
            val refusal = assertThrows(Refusal::class.java) { ArtifactChoice.of(manifest, runtime) }
            assertEquals("RUNTIME-NONE", refusal.code)
        }
    }
}
