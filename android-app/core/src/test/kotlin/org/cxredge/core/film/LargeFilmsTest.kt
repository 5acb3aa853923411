package org.cxredge.core.film

import org.cxredge.core.inSmallHeap
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** Films of forty megapixels are read in a heap that could not hold one of them. */
class LargeFilmsTest {
    @Test
    fun `forty megapixels are read in a heap of 32 MiB`() {
        assertEquals(20, inSmallHeap(LargeFilms::class, heap = 32).lines().count { it.startsWith("read") })
    }
}
