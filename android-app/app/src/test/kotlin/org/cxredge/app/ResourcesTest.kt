package org.cxredge.app

import org.cxredge.app.words.RefusalWords
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.w3c.dom.Document
import org.w3c.dom.Element
import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import kotlin.math.pow

/** Resources and the manifest, read as the files that they are. */
class ResourcesTest {
    private val main = File("src/main")

    @Test
    fun everyTextIsTranslatedWithTheSamePlaceholders() {
        val texts = named("values", "strings", "string").filter { it.getAttribute("translatable") != "false" }
        val french = named("values-fr", "strings", "string").associate { it.getAttribute("name") to it.textContent }
        assertEquals(texts.map { it.getAttribute("name") }, french.keys.toList())
        for (text in texts) {
            val name = text.getAttribute("name")
            assertEquals(name, placeholders(text.textContent), placeholders(french.getValue(name)))
        }
    }

    @Test
    fun wordsStandBetweenNumbers() {
        // written from right to left, two numbers with nothing but a comma between them change places
        for (folder in listOf("values", "values-fr")) {
            for (text in named(folder, "strings", "string")) {
                assertFalse(text.getAttribute("name"), NEIGHBOURS.containsMatchIn(text.textContent))
            }
        }
    }

    @Test
    fun everyTextIsUsed() {
        val sources = files(File(main, "kotlin")) + files(File(main, "res")) + File(main, "AndroidManifest.xml")
        val all = sources.joinToString("\n") { it.readText() }
        for (text in named("values", "strings", "string")) {
            val name = text.getAttribute("name")
            assertTrue(name, Regex("(R\\.string\\.|@string/)$name\\b").containsMatchIn(all))
        }
    }

    @Test
    fun everyTextStandsOutFromItsGround() {
        val pairs = mapOf(
            "ground" to listOf("text", "text_quiet"),
            "surface" to listOf("text", "text_quiet", "primary", "on_off", "positive", "negative"),
            "chosen" to listOf("text", "text_quiet", "positive", "negative"),
            "primary" to listOf("on_primary"),
            "off" to listOf("on_off"),
            "good_ground" to listOf("on_good"),
            "warning_ground" to listOf("on_warning"),
            "bad_ground" to listOf("on_bad"),
            "development_ground" to listOf("on_development"),
        )
        val light = colours("values")
        for ((mode, palette) in mapOf("light" to light, "dark" to light + colours("values-night"))) {
            for ((ground, texts) in pairs) {
                for (text in texts) {
                    val contrast = contrast(palette.getValue(ground), palette.getValue(text))
                    assertTrue("$mode: $text on $ground is $contrast", contrast >= 4.5)
                }
            }
        }
    }

    @Test
    fun theAppAsksForNothingAndShowsOneDoor() {
        val manifest = parse(File(main, "AndroidManifest.xml"))
        assertEquals(0, manifest.getElementsByTagName("uses-permission").length)
        val application = elements(manifest, "application").single()
        assertEquals("false", application.getAttribute("android:allowBackup"))
        val parts = listOf("activity", "provider", "service", "receiver").flatMap { elements(manifest, it) }
        val open = parts.filter { it.getAttribute("android:exported") != "false" }
        assertEquals(listOf("org.cxredge.app.MainActivity"), open.map { it.getAttribute("android:name") })
    }

    @Test
    fun everyCodeHasWords() {
        val sources = files(File("../core/src/main")) + files(File(main, "kotlin"))
        val codes = sources.flatMap { file -> CODE.findAll(file.readText()).map { it.groupValues[1] } }.toSet()
        assertTrue("IMG-FORMAT" in codes && "SIGNATURE-WRONG" in codes && "FILM-ACCESS" in codes)
        val unexpected = RefusalWords.of("nothing that is known")
        for (code in codes - "APP-UNEXPECTED") assertNotEquals(code, unexpected, RefusalWords.of(code))
    }

    private fun files(folder: File): List<File> = folder.walk().filter { it.extension in setOf("kt", "xml") }.toList()

    private fun parse(file: File): Document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file)

    private fun elements(document: Document, tag: String): List<Element> =
        document.getElementsByTagName(tag).let { list -> (0 until list.length).map { list.item(it) as Element } }

    private fun named(folder: String, file: String, tag: String): List<Element> =
        elements(parse(File(main, "res/$folder/$file.xml")), tag)

    private fun placeholders(text: String): List<String> = PLACEHOLDER.findAll(text).map { it.value }.sorted().toList()

    private fun colours(folder: String): Map<String, Int> =
        named(folder, "colors", "color").associate {
            it.getAttribute("name") to it.textContent.removePrefix("#").toInt(16)
        }

    /** Contrast ratio of WCAG 2.2. */
    private fun contrast(one: Int, other: Int): Double {
        val (dark, bright) = listOf(luminance(one), luminance(other)).sorted()
        return (bright + 0.05) / (dark + 0.05)
    }

    /** Relative luminance of WCAG 2.2, from sRGB. */
    private fun luminance(colour: Int): Double {
        val (red, green, blue) = listOf(16, 8, 0).map { shift ->
            val value = (colour shr shift and 0xFF) / 255.0
            if (value <= 0.04045) value / 12.92 else ((value + 0.055) / 1.055).pow(2.4)
        }
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    private companion object {
        val PLACEHOLDER = Regex("%[0-9]+\\$[+.0-9]*[a-z]")
        val NEIGHBOURS = Regex("%[0-9]+\\$[+.0-9]*[df][^\\p{L}]*%[0-9]+\\$[+.0-9]*[df]")

        /** A code, as it is handed to a Refusal or to what makes one. */
        val CODE = Regex("\"([A-Z]+-[A-Z][A-Z-]*[A-Z])\"")
    }
}
