plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    jvmToolchain(17)
    sourceSets["main"].kotlin.srcDir("src/main/kotlin")
    sourceSets["test"].kotlin.srcDir("src/test/kotlin")
}

dependencies {
    testImplementation(libs.junit.jupiter)
    testImplementation(libs.onnxruntime)
    testRuntimeOnly(libs.junit.platform.launcher)
}

tasks.test {
    useJUnitPlatform()
    // ONNX Runtime else reports to its makers
    environment("ORT_DISABLE_TELEMETRY", "1")
    systemProperty("cxr.vectors", rootDir.resolve("../tests/vectors").path)
    systemProperty("cxr.frozen", rootDir.resolve("../tests/bundle/fixtures/v2").path)
    systemProperty("cxr.fixtures", rootDir.resolve("../build/android/fixtures").path)
    systemProperty("cxr.cases", rootDir.resolve("../tests/cases").path)
    systemProperty("cxr.mutants", providers.gradleProperty("cxr.mutants").getOrElse("1000"))
}
