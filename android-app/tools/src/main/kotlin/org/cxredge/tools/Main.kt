package org.cxredge.tools

import java.nio.file.Path
import kotlin.system.exitProcess

private const val USAGE = "runtime (lays a runtime for the app) or apk (packages the app)"

/** The two commands behind make's targets. Exit status: 0 good, 2 misuse or bad input, 3 the environment. */
fun main(arguments: Array<String>) {
    try {
        when (arguments.firstOrNull()) {
            "runtime" -> runtime(arguments.drop(1))
            "apk" -> apk(arguments.drop(1))
            else -> throw Problem("TOOL-OPTION", "name a command", "choose one", listOf(USAGE))
        }
    } catch (problem: Problem) {
        System.err.println(problem.text())
        exitProcess(problem.status)
    }
}

private fun runtime(arguments: List<String>) {
    val options: Options = Options.parse(arguments, setOf("choice", "tools", "downloads", "to"))
    val choice: RuntimeChoice = RuntimeChoice.parse(options.text("choice"))
    val tools: Path = options.path("tools")
    RuntimeMaker(tools.resolve("target/parts"), options.path("downloads"), tools.resolve("pom.xml"))
        .lay(choice, options.path("to"))
    println("runtime ${choice.option}: ${choice.part} ${Parts.version(choice.part)} (${choice.source})")
}

private fun apk(arguments: List<String>) {
    val options: Options =
        Options.parse(arguments, setOf("app", "assets", "runtime", "abi", "pages", "keys", "keystore", "to"))
    val app: Path = options.path("app")
    val keystore: String = options.text("keystore")
    val ingredients = Ingredients(
        app = CompiledApp(app.resolve("target")),
        rules = app.resolve("proguard-rules.pro"),
        assets = options.path("assets"),
        runtime = RuntimeLayout(options.path("runtime")),
        abis = options.list("abi"),
        pages = Pages.parse(options.text("pages")),
        key = if (keystore.isEmpty()) SigningKey.development(options.path("keys").resolve("android-development.p12"))
        else SigningKey.release(Path.of(keystore)),
    )
    println(summary(ingredients, Packager(ingredients).packageInto(options.path("to"))))
}

private fun summary(ingredients: Ingredients, packaged: Packaged): String = buildString {
    val choice: RuntimeChoice = ingredients.runtime.choice()
    appendLine(packaged.sizes.text())
    appendLine(packaged.manifest.run { "model: ${model.name} ${model.version} ($id)" })
    appendLine("runtime: ${choice.part} ${Parts.version(choice.part)} (${choice.source})")
    appendLine("signed by: ${ingredients.key.certificate.subjectX500Principal.name}")
    appendLine(
        "verified: bundle read from the APK by the app's own core; stored entries aligned; no permission; libraries for " +
            "pages of ${ingredients.pages.bytes} bytes; APK signature v2 and v3 by apksig" +
            if (packaged.byApksigner) " and apksigner" else "",
    )
    if (!packaged.byApksigner) appendLine("not verified by apksigner, which is not installed here")
    if (ingredients.pages == Pages.FOUR) appendLine("PAGES=4k: Play, and phones with pages of 16 KiB, refuse this APK")
    appendLine("not verified here: phones, Play")
    append(packaged.file)
}
