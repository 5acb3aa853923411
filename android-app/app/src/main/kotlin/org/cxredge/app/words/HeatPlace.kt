package org.cxredge.app.words

import org.cxredge.app.session.FilmResult
import org.cxredge.core.film.Preprocessor
import org.cxredge.core.model.ClassMap
import org.cxredge.core.model.Heatmap

/** Where on the film a heatmap is strongest. */
object HeatPlace {
    /** 0..8, row by row from the upper left: the third of height and width; null where nothing argues for [label]. */
    fun third(result: FilmResult, cam: ClassMap, label: Int): Int? {
        val shape = cam.shape
        val cells = Heatmap.strength(cam, label, shape.rows, shape.columns)
        val peak = cells.indices.maxBy { cells[it] }
        if (cells[peak] <= 0) return null
        val film = result.film
        val spec = result.model.input
        val frame = Preprocessor.frame(film.height, film.width, spec)
        val row = place(peak / shape.columns, shape.rows, spec.height, frame.rows) - frame.top
        val column = place(peak % shape.columns, shape.columns, spec.width, frame.columns) - frame.left
        return 3 * thirdOf(row, film.height) + thirdOf(column, film.width)
    }

    /** From a cell to the fitted picture, from its edge: `cells_on_film` of images/geometry.py, and half a pixel. */
    private fun place(cell: Int, cells: Int, pixels: Int, fitted: Int): Double =
        (cell.toDouble() * pixels / cells + 0.5) * fitted / pixels

    private fun thirdOf(place: Double, length: Int): Int = (3 * place / length).toInt().coerceIn(0, 2)
}
