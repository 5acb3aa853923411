package org.cxredge.core.film

import org.cxredge.core.MUTANTS
import org.cxredge.core.inSmallHeap
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Films damaged by lot: no crash, no exception but a refusal, no wrong acceptance, in a heap of 64 MiB. */
class MutatedFilmsTest {
    @Test
    fun `damaged films are read or refused, by code`() {
        val said = inSmallHeap(MutatedFilms::class, heap = 64, "$MUTANTS", "0")
        println(said)
        for (answer in listOf("read=", "IMG-TRUNCATED=", "IMG-DAMAGED=", "IMG-SIZE=")) assertTrue(answer in said, said)
    }
}
