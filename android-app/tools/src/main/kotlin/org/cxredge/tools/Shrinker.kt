package org.cxredge.tools

import com.android.tools.r8.CompilationFailedException
import com.android.tools.r8.CompilationMode
import com.android.tools.r8.Diagnostic
import com.android.tools.r8.DiagnosticsHandler
import com.android.tools.r8.JdkClassFileProvider
import com.android.tools.r8.OutputMode
import com.android.tools.r8.R8
import com.android.tools.r8.R8Command
import com.android.tools.r8.Version
import java.nio.file.Path
import kotlin.io.path.ExperimentalPathApi
import kotlin.io.path.exists
import kotlin.io.path.extension
import kotlin.io.path.name
import kotlin.io.path.readText
import kotlin.io.path.walk
import kotlin.io.path.writeText

/** Shrinks and optimises class files into dex files. */
class Shrinker(private val framework: Path) {
    /**
     * [classes]: a folder of class files; [jars]: more of them; [rules]: what to keep. Returns the dex files in order;
     * those that are in [to] already where they were made of the same bytes.
     * Throws [Problem] APK-SHRINK with what R8 found.
     */
    @OptIn(ExperimentalPathApi::class)
    fun dex(classes: Path, jars: List<Path>, rules: List<Path>, to: Path): List<Path> {
        val program: List<Path> = classes.walk().filter { it.extension == "class" }.sorted().toList() + jars
        val record: String = (program + rules).joinToString("\n", "R8 ${Version.getVersionString()}, $framework\n", "\n") { file ->
            "${file.hash("SHA-256").toHex()}  $file"
        }
        val made: Path = to.resolve("made")
        if (!made.exists() || made.readText() != record) wholeFolder(to) { beside ->
            shrink(program, rules, beside)
            beside.resolve(made.name).writeText(record)
        }
        return to.walk().filter { it.extension == "dex" }.sorted().toList()
    }

    private fun shrink(program: List<Path>, rules: List<Path>, to: Path) {
        val found = Findings()
        val command: R8Command = R8Command.builder(found)
            .setMode(CompilationMode.RELEASE)
            .setMinApiLevel(MIN_SDK)
            .addProgramFiles(program)
            // Android's classes come without java.*
            .addLibraryResourceProvider(JdkClassFileProvider.fromSystemJdk())
            .addLibraryFiles(framework)
            .addProguardConfigurationFiles(rules)
            .setOutput(to, OutputMode.DexIndexed)
            .build()
        try {
            R8.run(command)
        } catch (failure: CompilationFailedException) {
            throw Problem(
                "APK-SHRINK", found.errors.joinToString("\n").ifEmpty { "R8: ${failure.message}" },
                "correct the code, or android-app/app/proguard-rules.pro",
            )
        }
    }

    private class Findings : DiagnosticsHandler {
        val errors: MutableList<String> = mutableListOf()

        override fun error(diagnostic: Diagnostic) {
            errors += diagnostic.diagnosticMessage
        }

        override fun warning(diagnostic: Diagnostic) {
            System.err.println("R8: ${diagnostic.diagnosticMessage}")
        }

        override fun info(diagnostic: Diagnostic) = Unit
    }
}
