package org.cxredge.tools

import java.nio.file.Path
import java.util.Properties
import kotlin.io.path.createDirectories
import kotlin.io.path.exists
import kotlin.io.path.inputStream
import kotlin.io.path.listDirectoryEntries

/** What Maven left of the app module in [target]: class files, compiled resources, and where its tools lie. */
class CompiledApp(private val target: Path) {
    private val values: Properties = Properties()

    init {
        val record: Path = target.resolve("package.properties")
        if (!record.exists()) {
            throw Problem("APK-COMPILED", "$target holds no compiled app", "run make apk, which compiles it first")
        }
        record.inputStream().use(values::load)
    }

    val classes: Path = target.resolve("classes")
    val manifest: Path = target.resolve("AndroidManifest.xml")
    val resources: Path = target.resolve("res.zip")

    /** Jars of the core and of Kotlin, sorted. */
    val jars: List<Path> = target.resolve("lib").listDirectoryEntries("*.jar").sorted()

    /** Android's classes and resources. */
    val framework: Path = Path.of(values.getProperty("framework"))
    val aapt2: Path = Path.of(values.getProperty("aapt2"))

    /** Where the packager may leave its own intermediate files. */
    fun scratch(): Path = target.resolve("apk").createDirectories()
}
