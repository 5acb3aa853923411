package org.cxredge.app.platform

import android.app.Application
import org.cxredge.app.Fixtures
import org.cxredge.core.Refusal
import org.cxredge.core.film.Fit
import org.cxredge.core.film.InputSpec
import org.cxredge.core.film.NoWindow
import org.cxredge.core.film.Preprocessor
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import java.awt.color.ColorSpace
import java.awt.color.ICC_Profile
import java.awt.image.BufferedImage
import java.io.ByteArrayOutputStream
import javax.imageio.ImageIO
import kotlin.math.abs

/** Android's own decoder (native, on the desktop) against the host's pixels. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = Application::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class AndroidJpegTest {
    @Test
    fun theVectorsUprightAndWithinTheirBound() {
        val films = Fixtures.cases.filter { !it.getBoolean("exact") }
        assertTrue(films.isNotEmpty())
        for (case in films) {
            val grey = case.getJSONObject("stages").getJSONObject("grey")
            val shape = grey.getJSONArray("shape")
            val channels = if (shape.length() == 3) 3 else 1
            val spec = InputSpec(channels, 32, 32, Fit.PAD, 0, NoWindow.STORED_RANGE)
            val film = Fixtures.file(case.getJSONObject("source")).readBytes()
            val picture = Preprocessor(AndroidJpeg).preprocessAndShow(film, spec, 4096).picture
            val expected = Fixtures.file(grey).readBytes()
            val name = case.getString("name")
            assertEquals(name, shape.getInt(0), picture.height)
            assertEquals(name, shape.getInt(1), picture.width)
            assertTrue(name, worst(expected, picture.pixels) <= Fixtures.greyBound)
        }
    }

    @Test
    fun aFilmTallerThanAStripHasNoSeams() {
        val image = BufferedImage(2500, 3500, BufferedImage.TYPE_BYTE_GRAY)
        for (y in 0 until image.height) {
            for (x in 0 until image.width) image.raster.setSample(x, y, 0, (x / 10 + y / 14 + x * y % 7) and 0xFF)
        }
        val jpeg = ByteArrayOutputStream().also { ImageIO.write(image, "jpeg", it) }.toByteArray()
        assertTrue(image.width * image.height > 2 * AndroidJpeg.STRIP_PIXELS)
        val expected = ImageIO.read(jpeg.inputStream()).raster
        val row = ByteArray(3 * image.width)
        val wanted = IntArray(image.width)
        AndroidJpeg.open(jpeg).use { rows ->
            assertEquals("a grey film comes as three equal channels", 3, rows.channels)
            for (y in 0 until rows.height) {
                rows.read(row)
                expected.getSamples(0, y, image.width, 1, 0, wanted)
                val worst = row.indices.maxOf { abs(wanted[it / 3] - (row[it].toInt() and 0xFF)) }
                assertTrue("row $y is $worst levels away", worst <= Fixtures.greyBound)
            }
        }
    }

    @Test
    fun aColourProfileDoesNotChangeThePixels() {
        val image = BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB)
        for (i in 0 until 64 * 64) image.setRGB(i % 64, i / 64, (i * 37) and 0xFFFFFF)
        val plain = ByteArrayOutputStream().also { ImageIO.write(image, "jpeg", it) }.toByteArray()
        val profile = ICC_Profile.getInstance(ColorSpace.CS_LINEAR_RGB).data
        val segment = "ICC_PROFILE".toByteArray() + byteArrayOf(0, 1, 1) + profile
        val length = segment.size + 2
        val marker = byteArrayOf(0xFF.toByte(), 0xE2.toByte(), (length shr 8).toByte(), length.toByte())
        val profiled = plain.copyOf(2) + marker + segment + plain.copyOfRange(2, plain.size)
        assertArrayEquals(shown(plain), shown(profiled))
        // the decoder alone would convert: it is the core that takes the profile away
        assertFalse(decoded(plain).contentEquals(decoded(profiled)))
    }

    @Test
    fun whatIsNoJpegIsRefused() {
        val cut = Fixtures.refused("cut.jpg").readBytes()
        assertEquals("IMG-TRUNCATED", refusal { shown(cut) })
        assertEquals("no frame header is left", "IMG-DAMAGED", refusal { shown(cut.copyOf(20)) })
        assertEquals("IMG-DAMAGED", refusal { AndroidJpeg.open("no JPEG at all".toByteArray()) })
    }

    @Test
    fun halfOfAFilmIsRefusedWhereTheDecoderWouldFillTheRest() {
        val image = BufferedImage(200, 160, BufferedImage.TYPE_INT_RGB)
        for (i in 0 until 200 * 160) image.setRGB(i % 200, i / 200, (i * 7919) and 0xFFFFFF)
        val whole = ByteArrayOutputStream().also { ImageIO.write(image, "jpeg", it) }.toByteArray()
        val half = whole.copyOf(whole.size / 2) + byteArrayOf(-1, 0xD9.toByte())
        assertEquals("the decoder alone says nothing", decoded(whole).size, decoded(half).size)
        assertEquals("IMG-TRUNCATED", refusal { shown(half) })
        assertEquals(decoded(whole).size, shown(whole).size)
    }

    private fun refusal(action: () -> Unit): String = assertThrows(Refusal::class.java) { action() }.code

    /** As the app reads it: pixels in colour, of the whole film. */
    private fun shown(jpeg: ByteArray): ByteArray {
        val spec = InputSpec(3, 32, 32, Fit.PAD, 0, NoWindow.STORED_RANGE)
        return Preprocessor(AndroidJpeg).preprocessAndShow(jpeg, spec, 4096).picture.pixels
    }

    private fun decoded(jpeg: ByteArray): ByteArray = AndroidJpeg.open(jpeg).use { rows ->
        val row = ByteArray(rows.width * rows.channels)
        val all = ByteArrayOutputStream()
        repeat(rows.height) {
            rows.read(row)
            all.write(row)
        }
        all.toByteArray()
    }

    private fun worst(one: ByteArray, other: ByteArray): Int {
        assertEquals(one.size, other.size)
        return one.indices.maxOf { abs((one[it].toInt() and 0xFF) - (other[it].toInt() and 0xFF)) }
    }
}
