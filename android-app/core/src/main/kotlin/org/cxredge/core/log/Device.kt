package org.cxredge.core.log

/** The phone, without anything that names it or its owner. */
class Device(
    val manufacturer: String,
    val model: String,
    /** Release of the system, for example 15. */
    val android: String,
    /** API level. */
    val api: Int,
    val abi: String,
    val cores: Int,
    /** Memory of the whole phone, in MiB. */
    val memoryMb: Long,
)
