package org.cxredge.tools

/**
 * The runtimes that an APK can carry, by the name that RUNTIME takes. [target] is the target of the bundle's artifacts
 * that it runs; [part] names it in parts.properties; [source] is what the app's about page says of its origin.
 */
enum class RuntimeChoice(val option: String, val target: String, val part: String, val source: String) {
    NPM(
        "npm", "executorch", "react-native-executorch",
        "npm package react-native-executorch: a vendor's build of about ExecuTorch 1.2, a stand-in for " +
            "org.pytorch:executorch-android",
    ),
    EXECUTORCH_ANDROID(
        "executorch-android", "executorch", "executorch-android", "Maven Central, org.pytorch:executorch-android",
    ),
    TFLITE("tflite", "tflite", "tensorflow-lite", "Maven Central, org.tensorflow:tensorflow-lite"),
    ;

    /** What the app reads from assets/runtime.json; the same bytes for the same choice. */
    fun json(): String =
        """{"target": "$target", "name": "$part", "version": "${Parts.version(part)}", "source": "$source"}""" + "\n"

    companion object {
        /** Throws [Problem] RUNTIME-CHOICE. */
        fun parse(option: String): RuntimeChoice = entries.firstOrNull { it.option == option } ?: throw Problem(
            "RUNTIME-CHOICE", "there is no runtime '$option'", "choose RUNTIME", entries.map { "RUNTIME=${it.option}" },
        )
    }
}
