package org.cxredge.core.bundle

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class LabelTest {
    private val label = Label(
        "Lung_nodule",
        mapOf(
            "en" to "Nodule", "fr" to "Nodule pulmonaire", "pt-BR" to "Nódulo", "zh-Hant" to "結節", "zh" to "结节",
        ),
    )

    @Test
    fun theFirstLanguageThatHasANameIsShown() {
        val shown = mapOf(
            listOf("fr") to "Nodule pulmonaire",
            listOf("fr-CA", "en-CA") to "Nodule pulmonaire",
            listOf("pt-BR") to "Nódulo",
            listOf("pt-PT", "fr-FR") to "Nodule pulmonaire",
            listOf("zh-Hant") to "結節",
            listOf("zh-Hant-TW") to "结节",
            listOf("pt-PT") to "Nodule",
            listOf("de", "und") to "Nodule",
            listOf("") to "Nodule",
            emptyList<String>() to "Nodule",
        )
        for ((languages, name) in shown) assertEquals(name, label.shown(languages), "$languages")
    }

    @Test
    fun theNameItselfIsShownWhereThereIsNoOther() {
        assertEquals("Enlarged heart size", Label("Enlarged_heart_size", emptyMap()).shown(listOf("fr", "en")))
        assertEquals("a b", Label("a_b", mapOf("fr" to "c")).shown(listOf("de")))
        assertEquals("c", Label("a_b", mapOf("fr" to "c")).shown(listOf("de", "fr-CH")))
    }
}
