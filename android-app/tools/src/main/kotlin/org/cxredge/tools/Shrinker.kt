package org.cxredge.tools

import com.android.tools.r8.CompilationFailedException
import com.android.tools.r8.CompilationMode
import com.android.tools.r8.Diagnostic
import com.android.tools.r8.DiagnosticsHandler
import com.android.tools.r8.JdkClassFileProvider
import com.android.tools.r8.OutputMode
import com.android.tools.r8.R8
import com.android.tools.r8.R8Command
import java.nio.file.Path
import kotlin.io.path.ExperimentalPathApi
import kotlin.io.path.extension
import kotlin.io.path.walk

/** Shrinks and optimises class files into dex files. */
class Shrinker(private val framework: Path) {
    /**
     * [classes]: a folder of class files; [jars]: more of them; [rules]: what to keep. Returns the dex files in order.
     * Throws [Problem] APK-SHRINK with what R8 found.
     */
    @OptIn(ExperimentalPathApi::class)
    fun dex(classes: Path, jars: List<Path>, rules: List<Path>, to: Path): List<Path> {
        to.toFile().deleteRecursively()
        to.toFile().mkdirs()
        val found = Findings()
        val command: R8Command = R8Command.builder(found)
            .setMode(CompilationMode.RELEASE)
            .setMinApiLevel(MIN_SDK)
            .addProgramFiles(classes.walk().filter { it.extension == "class" }.sorted().toList() + jars)
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
        return to.walk().filter { it.extension == "dex" }.sorted().toList()
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
