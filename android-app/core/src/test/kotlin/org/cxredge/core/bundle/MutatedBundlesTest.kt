package org.cxredge.core.bundle

import org.cxredge.core.MUTANTS
import org.cxredge.core.inSmallHeap
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Bundles changed by lot: no crash, no exception but a refusal, no wrong acceptance, in a heap of 64 MiB. */
class MutatedBundlesTest {
    @Test
    fun `changed bundles are refused, by code`() {
        val said = inSmallHeap(MutatedBundles::class, heap = 64, "$MUTANTS", "0")
        println(said)
        val codes = listOf("HASH", "FILES", "WRONG", "SYNTAX", "KEY").map { "SIGNATURE-$it" } + "MANIFEST-ID"
        for (code in codes) assertTrue("$code=" in said, said)
    }
}
