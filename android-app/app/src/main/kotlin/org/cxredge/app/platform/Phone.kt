package org.cxredge.app.platform

import android.app.ActivityManager
import android.content.Context
import android.os.Build
import org.cxredge.core.log.Device

/** What may be told about this phone: its kind, and nothing that names it or its owner. */
object Phone {
    fun describe(context: Context): Device {
        val memory = ActivityManager.MemoryInfo()
        context.getSystemService(ActivityManager::class.java)?.getMemoryInfo(memory)
        return Device(
            manufacturer = Build.MANUFACTURER,
            model = Build.MODEL,
            android = Build.VERSION.RELEASE,
            api = Build.VERSION.SDK_INT,
            abi = Build.SUPPORTED_ABIS.firstOrNull().orEmpty(),
            cores = Runtime.getRuntime().availableProcessors(),
            memoryMb = memory.totalMem / (1024 * 1024),
        )
    }

    fun appVersion(context: Context): String =
        context.packageManager.getPackageInfo(context.packageName, 0).versionName.orEmpty()
}
