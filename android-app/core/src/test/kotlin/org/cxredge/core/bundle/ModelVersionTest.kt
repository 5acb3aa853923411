package org.cxredge.core.bundle

import org.cxredge.core.refused
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ModelVersionTest {
    @Test
    fun versionsCompareAsNumbers() {
        val sorted = listOf("0.0.1", "0.0.10", "0.2.0", "1.0.0", "1.9.9", "1.10.0", "10.0.0")
            .map { ModelVersion.parse(it) }
        assertEquals(sorted, sorted.shuffled().sorted())
        assertEquals("1.10.0", ModelVersion.parse("1.10.0").toString())
        assertTrue(ModelVersion(1, 2, 3) == ModelVersion.parse("1.2.3"))
    }

    @Test
    fun refusesOtherForms() {
        val bad = listOf(
            "", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.-3", "1.2.3 ", "v1.2.3", "1..3", "9999999999.0.0", "١.٢.٣",
        )
        for (text in bad) refused("MANIFEST-SCHEMA") { ModelVersion.parse(text) }
    }
}
