package org.cxredge.tools

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

class OptionsTest {
    private val known: Set<String> = setOf("abi", "to")

    @Test
    fun `pairs of a name and a value`() {
        val options: Options = Options.parse(listOf("--abi", "a,b", "--to", ""), known)
        assertEquals(listOf("a", "b"), options.list("abi"))
        assertEquals("", options.text("to"))
    }

    @Test
    fun `nothing else`() {
        for (wrong in listOf(listOf("--abi"), listOf("abi", "a"), listOf("--new", "1"), listOf("--to", "1", "--to", "2"))) {
            val problem: Problem = assertThrows(Problem::class.java) { Options.parse(wrong, known) }
            assertEquals("TOOL-OPTION", problem.code)
        }
        assertThrows(Problem::class.java) { Options.parse(emptyList(), known).text("to") }
    }
}
