package org.cxredge.app.view

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View
import org.cxredge.app.R
import kotlin.math.abs

/** A margin as a bar from the middle, which is what the decision asks for; towards the end side is at or above it. */
class FindingBar(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private val line = resources.displayMetrics.density * 2

    private var margin = 0.0
    private var stands = false

    /** [margin]: in logits. [stands]: whether it is what the model says of the film, which has a colour of its own. */
    fun show(margin: Double, stands: Boolean) {
        this.margin = margin
        this.stands = stands
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val middle = width / 2f
        val tall = height.toFloat()
        paint.color = context.getColor(R.color.off)
        canvas.drawRoundRect(0f, tall * 0.3f, width.toFloat(), tall * 0.7f, tall, tall, paint)
        val towards = if (layoutDirection == LAYOUT_DIRECTION_RTL) -1 else 1
        val tip = middle + towards * middle * fraction(margin)
        paint.color = context.getColor(if (stands) R.color.positive else R.color.negative)
        if (abs(tip - middle) >= line / 2) {
            canvas.drawRect(minOf(middle, tip), tall * 0.15f, maxOf(middle, tip), tall * 0.85f, paint)
        }
        paint.color = context.getColor(R.color.text)
        canvas.drawRect(middle - line / 2, 0f, middle + line / 2, tall, paint)
    }

    companion object {
        /** Logits of a full bar, as in the host's text output. */
        private const val FULL = 4.0

        /** -1..1. */
        fun fraction(margin: Double): Float = (margin / FULL).coerceIn(-1.0, 1.0).toFloat()
    }
}
