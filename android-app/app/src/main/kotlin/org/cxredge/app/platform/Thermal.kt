package org.cxredge.app.platform

import android.content.Context
import android.os.Build
import android.os.PowerManager

/** How hot the phone says it is: names of PowerManager.THERMAL_STATUS_*. */
object Thermal {
    const val NOT_AVAILABLE: String = "not available"
    private val NAMES = listOf("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")

    @GuardedApi
    fun status(context: Context): String {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return NOT_AVAILABLE
        val status = context.getSystemService(PowerManager::class.java)?.currentThermalStatus ?: return NOT_AVAILABLE
        return NAMES.getOrElse(status) { NOT_AVAILABLE }
    }
}
