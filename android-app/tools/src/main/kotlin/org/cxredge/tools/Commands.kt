package org.cxredge.tools

import java.io.IOException
import java.nio.file.Path

/** What another program answered: its exit status, and all that it printed. */
class Answer(val status: Int, val output: String)

/** Runs another program to its end. Throws [Problem] TOOL-MISSING where it is not installed. */
fun run(command: List<String>, folder: Path? = null): Answer {
    val process: Process = try {
        ProcessBuilder(command).directory(folder?.toFile()).redirectErrorStream(true).start()
    } catch (_: IOException) {
        throw Problem(
            "TOOL-MISSING", "${command.first()} cannot be run", "install ${command.first()} (docs/android.md)",
            status = Problem.ENVIRONMENT,
        )
    }
    process.outputStream.close()
    val output: String = process.inputStream.bufferedReader().readText()
    return Answer(process.waitFor(), output)
}
