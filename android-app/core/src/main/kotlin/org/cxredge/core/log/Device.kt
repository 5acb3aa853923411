package org.cxredge.core.log

/** The phone, without anything that names it or its owner. */
class Device(
    val manufacturer: String,
    val model: String,
    /** The chip; null where the system does not name it. */
    val soc: String?,
    /** Release of Android, for example 15. */
    val android: String,
    /** API level. */
    val api: Int,
    val abi: String,
    /** As the kernel names them; they decide which code of a runtime runs. */
    val cpuFeatures: Collection<String>,
    val cores: Int,
    /** Memory of the whole phone, in MiB. */
    val memoryMb: Long,
)
