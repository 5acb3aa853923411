package org.cxredge.core.film

import org.cxredge.core.Refusal
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.RandomAccessFile

/** Over a thousand PNG and DICOM films of tests/android/film_cases.py, each bit for bit as the reference makes it. */
class GeneratedFilmsTest {
    @Test
    fun `every generated film gives the reference's pixels, or its refusal`() {
        val preprocessor = Preprocessor(JpegDecoder { error("no JPEG among them") })
        val cases = parse(fixture("film-cases/index.json"))["cases"].elements()
        var equal = 0
        val different = ArrayList<String>()
        RandomAccessFile(fixture("film-cases/films.bin"), "r").use { films ->
            for (case in cases) {
                val film = ByteArray(case["size"].int())
                films.seek(case["at"].long())
                films.readFully(film)
                val answer = try {
                    sha256(preprocessor.preprocess(film, spec(case["spec"])).pixels)
                } catch (refusal: Refusal) {
                    refusal.code
                }
                val expected = (case.find("sha256") ?: case["code"]).text()
                if (answer != expected) different += "${case["name"].text()}: $answer, not $expected"
                if (answer == expected && case.find("sha256") != null) equal++
            }
        }
        assertEquals(emptyList<String>(), different.take(5))
        assertTrue(equal >= 1000, "only $equal films were compared")
    }
}
