package org.cxredge.app.words

import org.cxredge.app.Fixtures
import org.cxredge.app.words.CardText.Heading
import org.cxredge.app.words.CardText.Paragraph
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File

class CardTextTest {
    @Test
    fun headingsParagraphsListsAndTables() {
        val card = """
            ---
            license: apache-2.0
            ---
            # A model

            **Not** a device. It *says*
            `nothing`.

            - one
            - two,
              still two

            | | |
            |---|---|
            | input | 1 x 2 |

            | label | logit |
            |---|---|
            | x | 1 |

            | a | b | c | d |
            |---|---|---|---|
            | 1 | 2 | 3 | 4 |
        """.trimIndent()
        val expected = listOf(
            Heading("A model"),
            Paragraph("Not a device. It says nothing."),
            Paragraph("•  one\n•  two, still two"),
            Paragraph("input · 1 x 2"),
            Paragraph("label · logit\nx · 1"),
            Paragraph("a: 1\nb: 2\nc: 3\nd: 4"),
        )
        assertEquals(expected, CardText.blocks(card))
    }

    @Test
    fun aRealCardKeepsItsHeadingsAndLosesItsMarks() {
        val cards = listOf(Fixtures.findings, Fixtures.classes).map { File(it.bundle, "MODEL_CARD.md").readText() }
        val blocks = cards.flatMap { CardText.blocks(it) }
        assertTrue(Heading("Limits") in blocks)
        assertFalse(blocks.any { "*" in it.text || "|" in it.text || it.text.startsWith("#") })
    }
}
