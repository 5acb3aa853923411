package org.cxredge.app.view

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.view.View
import org.cxredge.app.R

/** A film with a heatmap over it, as wide as there is room and no wider than `film` of dimens.xml. */
class FilmView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val paint = Paint(Paint.FILTER_BITMAP_FLAG or Paint.ANTI_ALIAS_FLAG)
    private val place = RectF()
    private var film: Bitmap? = null
    private var heat: Bitmap? = null

    /** 0..1, of the heatmap. */
    var opacity: Float = 0f
        set(value) {
            field = value
            invalidate()
        }

    /** Pixels as [FilmPixels] gives them, both of [width] columns. */
    fun show(film: IntArray, heat: IntArray, width: Int) {
        this.film = Bitmap.createBitmap(film, width, film.size / width, Bitmap.Config.ARGB_8888)
        this.heat = Bitmap.createBitmap(heat, width, heat.size / width, Bitmap.Config.ARGB_8888)
        requestLayout()
        invalidate()
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val width = MeasureSpec.getSize(widthMeasureSpec)
        val most = minOf(width, resources.getDimensionPixelSize(R.dimen.film))
        setMeasuredDimension(width, film?.let { most * it.height / maxOf(it.width, it.height) } ?: 0)
    }

    override fun onDraw(canvas: Canvas) {
        val film = film ?: return
        val wide = height.toFloat() * film.width / film.height
        place.set((width - wide) / 2, 0f, (width + wide) / 2, height.toFloat())
        paint.color = Color.BLACK
        canvas.drawRect(place, paint)
        canvas.drawBitmap(film, null, place, paint)
        paint.alpha = Math.round(opacity * 255)
        heat?.let { canvas.drawBitmap(it, null, place, paint) }
        paint.alpha = 255
    }
}
