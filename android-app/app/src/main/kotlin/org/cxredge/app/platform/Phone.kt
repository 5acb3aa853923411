package org.cxredge.app.platform

import android.app.ActivityManager
import android.content.Context
import android.os.Build
import org.cxredge.core.log.Device
import java.io.File
import java.io.IOException

/** What may be told about this phone: its kind, and nothing that names it or its owner. */
object Phone {
    fun describe(context: Context): Device {
        val memory = ActivityManager.MemoryInfo()
        context.getSystemService(ActivityManager::class.java)?.getMemoryInfo(memory)
        return Device(
            manufacturer = Build.MANUFACTURER,
            model = Build.MODEL,
            soc = soc(),
            android = Build.VERSION.RELEASE,
            api = Build.VERSION.SDK_INT,
            abi = Build.SUPPORTED_ABIS.firstOrNull().orEmpty(),
            cpuFeatures = cpuFeatures(CPU_INFO),
            cores = Runtime.getRuntime().availableProcessors(),
            memoryMb = memory.totalMem / (1024 * 1024),
        )
    }

    fun appVersion(context: Context): String =
        context.packageManager.getPackageInfo(context.packageName, 0).versionName.orEmpty()

    @GuardedApi
    private fun soc(): String? =
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.S) null else Build.SOC_MODEL.takeIf { it != Build.UNKNOWN }

    /** The words of the kernel's lines "Features", of whichever core; none where [file] cannot be read. */
    internal fun cpuFeatures(file: File): Set<String> {
        val lines = try {
            file.readLines()
        } catch (_: IOException) {
            return emptySet()
        }
        val features = lines.filter { it.substringBefore(':').trim() == "Features" }
        return features.flatMap { it.substringAfter(':').split(' ', '\t') }.filter { it.isNotEmpty() }.toSortedSet()
    }

    private val CPU_INFO = File("/proc/cpuinfo")
}
