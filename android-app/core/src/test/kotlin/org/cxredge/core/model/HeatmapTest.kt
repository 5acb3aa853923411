package org.cxredge.core.model

import org.cxredge.core.Fixtures
import org.cxredge.core.bundle.CamShape
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Against tests/vectors/heatmap.json, which tests/report/test_heatmap_vectors.py writes. */
class HeatmapTest {
    private val vectors = Fixtures.vectors("heatmap.json")

    @Test
    fun strengthIsAsOnTheHost() {
        val cases = vectors["cases"].elements()
        assertEquals(6, cases.size)
        var equal = 0
        var all = 0
        for (case in cases) {
            val (classes, rows, columns) = case["shape"].elements().map { it.int() }
            val cam = case["cam"].elements().map { it.number().toFloat() }.toFloatArray()
            val map = ClassMap(cam, CamShape(classes, rows, columns))
            val (height, width) = case["size"].elements().map { it.int() }
            val expected = case["strength"].elements().map { it.number() }.toDoubleArray()
            val own = Heatmap.strength(map, case["label"].int(), height, width)
            // the host's matrix product may fuse a product and a sum: one rounding less
            assertArrayEquals(expected, own, 1e-15)
            assertTrue(own.all { it in 0.0..1.0 })
            for (i in own.indices) assertEquals(Heatmap.colour(expected[i]), Heatmap.colour(own[i]))
            equal += own.indices.count { own[it] == expected[it] }
            all += own.size
        }
        println("heatmap: $equal of $all values equal the host's bit for bit")
    }

    @Test
    fun coloursAreAsOnTheHost() {
        val colours = vectors["colours"].elements()
        assertEquals(503, colours.size)
        for (entry in colours) assertEquals(entry["colour"].int(), Heatmap.colour(entry["strength"].number()))
    }
}
