package org.cxredge.app.view

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.view.View
import org.cxredge.app.R
import org.cxredge.app.session.FilmResult
import org.cxredge.core.film.Preprocessor

/** A film, with a heatmap over it where the model gives one, as wide as there is room and no larger than `film` of dimens.xml. */
class FilmView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val paint = Paint(Paint.FILTER_BITMAP_FLAG)
    private val filmPlace = RectF()
    private val heatPlace = RectF()
    private var result: FilmResult? = null
    private var film: Bitmap? = null
    private var heat: Bitmap? = null

    /** 0..1, of the heatmap. */
    var opacity: Float = 0f
        set(value) {
            field = value
            invalidate()
        }

    /** Whether the heatmap is left out. */
    var bare: Boolean = false
        set(value) {
            field = value
            invalidate()
        }

    fun show(result: FilmResult, label: Int) {
        if (result !== this.result) {
            val picture = result.picture
            film = bitmap(FilmPixels.film(picture), picture.width)
            this.result = result
            requestLayout()
        }
        val input = result.model.input
        heat = result.outputs.cam?.let { bitmap(FilmPixels.heat(it, label, input), input.width) }
        invalidate()
    }

    private fun bitmap(pixels: IntArray, width: Int): Bitmap =
        Bitmap.createBitmap(pixels, width, pixels.size / width, Bitmap.Config.ARGB_8888)

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val width = MeasureSpec.getSize(widthMeasureSpec)
        val most = minOf(width, resources.getDimensionPixelSize(R.dimen.film))
        setMeasuredDimension(width, film?.let { most * it.height / maxOf(it.width, it.height) } ?: 0)
    }

    override fun onDraw(canvas: Canvas) {
        val result = result ?: return
        val film = film ?: return
        val wide = height.toFloat() * film.width / film.height
        filmPlace.set((width - wide) / 2, 0f, (width + wide) / 2, height.toFloat())
        paint.alpha = 255
        canvas.drawBitmap(film, null, filmPlace, paint)
        // the model saw the fitted picture: larger than the film where bars were added, smaller where it was cut
        val frame = Preprocessor.frame(result.film.height, result.film.width, result.model.input)
        val scale = wide / result.film.width
        heatPlace.set(0f, 0f, frame.columns * scale, frame.rows * scale)
        heatPlace.offset(filmPlace.left - frame.left * scale, filmPlace.top - frame.top * scale)
        canvas.clipRect(filmPlace)
        paint.alpha = Math.round(opacity * 255)
        heat?.takeUnless { bare }?.let { canvas.drawBitmap(it, null, heatPlace, paint) }
    }
}
