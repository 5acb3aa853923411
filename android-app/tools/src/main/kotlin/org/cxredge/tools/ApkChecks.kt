package org.cxredge.tools

/** The page sizes that native libraries may be built for, by the name that PAGES takes. */
enum class Pages(val option: String, val bytes: Long) {
    SIXTEEN("16k", 16384),
    FOUR("4k", 4096),
    ;

    companion object {
        /** Throws [Problem] APK-PAGES. */
        fun parse(option: String): Pages = entries.firstOrNull { it.option == option }
            ?: throw Problem("APK-PAGES", "there is no page size '$option'", "choose PAGES", entries.map { "PAGES=${it.option}" })
    }
}

/** Entries: names once, what must be stored is stored, and lies where its [Keeping] wants it. */
fun checkEntries(apk: Apk) {
    val twice: Set<String> = apk.entries.groupBy { it.name }.filterValues { it.size > 1 }.keys
    if (twice.isNotEmpty()) throw broken(apk, "holds $twice twice")
    for (entry in apk.entries) {
        val alignment: Int = Keeping.of(entry.name).alignment ?: continue
        if (!entry.stored) throw broken(apk, "${entry.name} is deflated")
        if (entry.offset % alignment != 0) throw broken(apk, "${entry.name} is not at a multiple of $alignment")
    }
}

/**
 * Native libraries: of the folder's processor, loadable with [pages], and with all that they need beside them or in
 * Android itself. Throws [Problem] APK-PAGES, APK-LIBRARY.
 */
fun checkLibraries(apk: Apk, pages: Pages) {
    val libraries: List<String> = apk.entries.map { it.name }.filter { it.startsWith("lib/") }
    for (name in libraries) {
        val (_, abi: String, _) = name.split('/')
        val elf: Elf = Elf.parse(name, apk.bytes(name))
        if (elf.machine != Elf.MACHINES[abi]) throw library("$name is not for $abi")
        if (elf.pageSize < pages.bytes) {
            throw Problem(
                "APK-PAGES",
                "$name is aligned to pages of ${elf.pageSize} bytes: Play, and phones with pages of 16 KiB, refuse it",
                "choose another RUNTIME, or name PAGES=4k for older phones only",
                listOf("RUNTIME=${RuntimeChoice.NPM.option}", "RUNTIME=${RuntimeChoice.EXECUTORCH_ANDROID.option}", "PAGES=4k"),
            )
        }
        val absent: List<String> = elf.needed.filter { it !in PLATFORM && "lib/$abi/$it" !in libraries }
        if (absent.isNotEmpty()) throw library("$name needs ${absent.joinToString()}")
    }
}

/**
 * What Android reads of the package, as aapt2 shows it: no permission at all, the API levels, and libraries that are
 * used where they lie. Throws [Problem] APK-MANIFEST.
 */
fun checkManifest(apk: Apk, app: CompiledApp) {
    val badging: List<String> = aapt2(app, "badging", "${apk.file}").lines()
    val tree: String = aapt2(app, "xmltree", "--file", "AndroidManifest.xml", "${apk.file}")
    val wrong: List<String> = listOfNotNull(
        badging.firstOrNull { "permission" in it },
        "minSdkVersion is not $MIN_SDK".takeIf { badging.none { it matches Regex("(minS|s)dkVersion:'$MIN_SDK'") } },
        "targetSdkVersion is not $TARGET_SDK".takeIf { "targetSdkVersion:'$TARGET_SDK'" !in badging },
        "android:debuggable is true".takeIf { Regex("debuggable[^\n]*=true") in tree },
        "android:extractNativeLibs is not false".takeIf { Regex("extractNativeLibs[^\n]*=false") !in tree },
    )
    if (wrong.isNotEmpty()) {
        throw Problem("APK-MANIFEST", wrong.joinToString("; "), "correct android-app/app/src/main/AndroidManifest.xml")
    }
}

private fun aapt2(app: CompiledApp, vararg what: String): String =
    run(listOf("${app.aapt2}", "dump") + what).also { check(it.status == 0) { "aapt2: ${it.output}" } }.output

private fun broken(apk: Apk, why: String): Problem =
    Problem("APK-ENTRIES", "${apk.file.fileName}: $why", "package it again: make apk")

private fun library(why: String): Problem = Problem("APK-LIBRARY", why, "lay the runtime again: make android-runtime")

/** Libraries of Android itself that apps may use (the NDK's list of stable APIs, as far as runtimes need them). */
private val PLATFORM: Set<String> =
    setOf("libandroid.so", "libc.so", "libdl.so", "liblog.so", "libm.so", "libz.so", "libEGL.so", "libGLESv2.so")
