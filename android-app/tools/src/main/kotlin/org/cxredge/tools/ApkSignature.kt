package org.cxredge.tools

import com.android.apksig.ApkSigner
import com.android.apksig.ApkVerifier
import java.nio.file.Path

/** Signs [plain] into [signed], schemes v2 and v3 (v1 is for Android before 7.0). */
fun sign(plain: Path, signed: Path, key: SigningKey) {
    val signer: ApkSigner.SignerConfig =
        ApkSigner.SignerConfig.Builder("CXREDGE", key.key, listOf(key.certificate)).build()
    ApkSigner.Builder(listOf(signer)).setInputApk(plain.toFile()).setOutputApk(signed.toFile())
        .setMinSdkVersion(MIN_SDK).setV1SigningEnabled(false).setV2SigningEnabled(true).setV3SigningEnabled(true)
        .setAlignmentPreserved(true).build().sign()
}

/** Throws [Problem] APK-SIGNATURE unless apksig accepts v2 and v3 of [apk] without a word. */
fun checkSignature(apk: Path) {
    val result: ApkVerifier.Result = ApkVerifier.Builder(apk.toFile()).build().verify()
    val said: List<String> = (result.errors + result.warnings).map { "$it" }
    if (result.isVerified && result.isVerifiedUsingV2Scheme && result.isVerifiedUsingV3Scheme && said.isEmpty()) return
    throw Problem("APK-SIGNATURE", "apksig does not accept $apk: ${said.joinToString("; ")}", "sign it again: make apk")
}

/**
 * Has the platform's own `apksigner` verify [apk] too: true when it did, false when it is not installed.
 * Throws [Problem] APK-SIGNATURE where it refuses.
 */
fun checkSignatureByApksigner(apk: Path): Boolean {
    val answer: Answer = try {
        run(listOf("apksigner", "verify", "--min-sdk-version", "$MIN_SDK", "$apk"))
    } catch (problem: Problem) {
        if (problem.code == "TOOL-MISSING") return false
        throw problem
    }
    if (answer.status == 0) return true
    throw Problem("APK-SIGNATURE", "apksigner does not accept $apk: ${answer.output}", "sign it again: make apk")
}
