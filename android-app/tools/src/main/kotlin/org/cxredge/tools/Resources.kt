package org.cxredge.tools

import java.nio.file.Path

/** The app's resources and manifest, linked; [keepRules]: R8's rules for the classes that they name. */
class LinkedResources(val archive: Path, val keepRules: Path)

/** Links the compiled resources with aapt2. Throws [Problem] APK-RESOURCES with aapt2's own words. */
fun linkResources(app: CompiledApp): LinkedResources {
    val linked = LinkedResources(app.scratch().resolve("res.apk"), app.scratch().resolve("keep.pro"))
    val answer: Answer = run(
        listOf(
            "${app.aapt2}", "link", "-I", "${app.framework}", "--manifest", "${app.manifest}",
            "--min-sdk-version", "$MIN_SDK", "--target-sdk-version", "$TARGET_SDK",
            "--proguard", "${linked.keepRules}", "-o", "${linked.archive}", "${app.resources}",
        ),
    )
    if (answer.status != 0) throw Problem("APK-RESOURCES", answer.output.trim(), "correct the resource or the manifest")
    return linked
}

const val MIN_SDK: Int = 26
const val TARGET_SDK: Int = 35
