package org.cxredge.tools

import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.copyTo
import kotlin.io.path.createDirectories
import kotlin.io.path.createParentDirectories
import kotlin.io.path.deleteIfExists
import kotlin.io.path.exists
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.moveTo
import kotlin.io.path.readText
import kotlin.io.path.writeText

/** Phones (arm64-v8a) and emulators (x86_64): those that ExecuTorch's packages serve. */
val ABIS: List<String> = listOf("arm64-v8a", "x86_64")

/**
 * Where a laid runtime keeps its files:
 * `classes/{executorch,tflite}.jar` to compile the app against (both, always), `program/` the jars that go into the APK,
 * `lib/<abi>/` its native libraries, `assets/runtime.json` what the app reads.
 */
class RuntimeLayout(val folder: Path) {
    val classes: Path = folder.resolve("classes")
    val program: Path = folder.resolve("program")
    val libraries: Path = folder.resolve("lib")
    val assets: Path = folder.resolve("assets")
    private val made: Path = folder.resolve("made")

    /** Whether this is what [choice] lays with this version of the tool. */
    fun holds(choice: RuntimeChoice): Boolean = made.exists() && made.readText() == record(choice)

    /** The runtime that was laid here. Throws [Problem] RUNTIME-MISSING. */
    fun choice(): RuntimeChoice = RuntimeChoice.entries.firstOrNull(::holds) ?: throw Problem(
        "RUNTIME-MISSING", "$folder holds no runtime that this version laid", "run make android-runtime",
    )

    internal fun finish(choice: RuntimeChoice) {
        assets.createDirectories().resolve("runtime.json").writeText(choice.json())
        made.writeText(record(choice))
    }

    private fun record(choice: RuntimeChoice): String = "${choice.option}\n${choice.json()}${Parts.text}"
}

/** Fetches what [choice] is made of and lays it at [goal]. [parts]: files that Maven copied; [downloads]: npm's. */
class RuntimeMaker(private val parts: Path, private val downloads: Path, private val toolsPom: Path) {
    /** Throws [Problem] RUNTIME-UNAVAILABLE, RUNTIME-HASH, TOOL-MISSING. */
    fun lay(choice: RuntimeChoice, goal: Path) {
        if (RuntimeLayout(goal).holds(choice)) return
        wholeFolder(goal) { beside ->
            val layout = RuntimeLayout(beside)
            val scratch: Path = Files.createDirectory(beside.resolve("scratch"))
            tensorFlowLite(layout, scratch, packaged = choice == RuntimeChoice.TFLITE)
            when (choice) {
                RuntimeChoice.EXECUTORCH_ANDROID -> executorchAndroid(layout, scratch)
                // its classes are compiled against even where TFLite is packaged: the app holds both runners
                RuntimeChoice.NPM, RuntimeChoice.TFLITE -> npm(layout, scratch, packaged = choice == RuntimeChoice.NPM)
            }
            scratch.toFile().deleteRecursively()
            layout.finish(choice)
        }
    }

    private fun tensorFlowLite(layout: RuntimeLayout, scratch: Path, packaged: Boolean) {
        val jars: List<Path> = listOf("tensorflow-lite", "tensorflow-lite-api").map { name ->
            val aar: Path = part(name, "aar")
            scratch.resolve("$name.jar").also { unpack(aar, "classes.jar", it) }
        }
        mergeJars(jars, layout.classes.resolve("tflite.jar"))
        if (!packaged) return
        copy(layout.classes.resolve("tflite.jar"), layout.program.resolve("tflite.jar"))
        libraries(part("tensorflow-lite", "aar"), layout)
    }

    private fun npm(layout: RuntimeLayout, scratch: Path, packaged: Boolean) {
        val members: List<String> = listOf("package/android/libs/classes.jar") +
            ABIS.map { "package/third-party/android/libs/executorch/$it/libexecutorch.so" }
        val answer: Answer = run(listOf("tar", "-xzf", "${npmPackage()}", "-C", "$scratch") + members)
        check(answer.status == 0) { "tar: ${answer.output}" }
        copy(scratch.resolve(members[0]), layout.classes.resolve("executorch.jar"))
        if (!packaged) return
        for ((abi, member) in ABIS.zip(members.drop(1))) {
            copy(scratch.resolve(member), layout.libraries.resolve("$abi/libexecutorch.so"))
        }
        executorchProgram(layout)
    }

    private fun executorchAndroid(layout: RuntimeLayout, scratch: Path) {
        val aar: Path = parts.resolve("executorch-android.aar")
        // -U: a refusal of last week is no refusal of today
        val answer: Answer = run(
            listOf("mvn", "-q", "-B", "-U", "-Dstyle.color=never", "-f", "$toolsPom", "dependency:copy@executorch-android"),
        )
        if (answer.status != 0 || !aar.exists()) {
            throw unavailable(RuntimeChoice.EXECUTORCH_ANDROID, "Maven", answer.output)
        }
        scratch.resolve("executorch.jar").let { jar ->
            unpack(aar, "classes.jar", jar)
            copy(jar, layout.classes.resolve("executorch.jar"))
        }
        libraries(aar, layout)
        executorchProgram(layout)
    }

    /** The classes and libraries that ExecuTorch's own classes need, beside them. */
    private fun executorchProgram(layout: RuntimeLayout) {
        copy(layout.classes.resolve("executorch.jar"), layout.program.resolve("executorch.jar"))
        copy(part("nativeloader", "jar"), layout.program.resolve("nativeloader.jar"))
        val fbjni: Path = part("fbjni", "aar")
        unpack(fbjni, "classes.jar", layout.program.resolve("fbjni.jar"))
        libraries(fbjni, layout)
    }

    private fun npmPackage(): Path {
        val name: String = RuntimeChoice.NPM.part
        val version: String = Parts.version(name)
        val file: Path = downloads.createDirectories().resolve("$name-$version.tgz")
        if (!file.exists()) {
            val fresh: Path = Files.createTempDirectory(downloads, ".npm")
            try {
                val answer: Answer = run(listOf("npm", "pack", "--silent", "$name@$version"), fresh)
                val packed: Path? = fresh.listDirectoryEntries("*.tgz").singleOrNull()
                if (answer.status != 0 || packed == null) throw unavailable(RuntimeChoice.NPM, "npm", answer.output)
                packed.moveTo(file, overwrite = true)
            } finally {
                fresh.toFile().deleteRecursively()
            }
        }
        try {
            Parts.checkIntegrity(name, file)
        } catch (problem: Problem) {
            file.deleteIfExists()
            throw problem
        }
        return file
    }

    private fun part(name: String, extension: String): Path =
        parts.resolve("$name.$extension").also { Parts.check(name, it) }

    private fun libraries(aar: Path, layout: RuntimeLayout) {
        for (entry in names(aar)) {
            val abi: String = ABIS.firstOrNull { entry.startsWith("jni/$it/") } ?: continue
            unpack(aar, entry, layout.libraries.resolve(abi).resolve(entry.substringAfterLast('/')))
        }
    }

    private fun copy(from: Path, to: Path) {
        from.copyTo(to.createParentDirectories())
    }

    private fun unavailable(choice: RuntimeChoice, client: String, output: String): Problem = Problem(
        "RUNTIME-UNAVAILABLE",
        "$client could not fetch ${choice.part} ${Parts.version(choice.part)}: " +
            (output.lineSequence().firstOrNull { it.contains("ERR", ignoreCase = true) } ?: output.take(200)).trim(),
        "make it reachable for $client, or name another runtime",
        RuntimeChoice.entries.filter { it != choice }.map { "RUNTIME=${it.option}" },
        Problem.ENVIRONMENT,
    )
}
