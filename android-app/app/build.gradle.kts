plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "org.cxredge.app"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.cxredge.app"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "1.0.0"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }

    sourceSets {
        named("main") {
            kotlin.srcDir("src/main/kotlin")
            // runtime.json: this build always carries executorch-android
            assets.srcDir("src/gradle/assets")
        }
        named("test") { kotlin.srcDir("src/test/kotlin") }
        named("androidTest") { kotlin.srcDir("src/androidTest/kotlin") }
    }

    // models are mapped into memory where they lie
    androidResources { noCompress += listOf("pte", "tflite") }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles("proguard-rules.pro")
        }
    }

    testOptions {
        unitTests {
            isIncludeAndroidResources = true
            all { test ->
                test.maxHeapSize = "3g"
                // ONNX Runtime else reports to its makers
                test.environment("ORT_DISABLE_TELEMETRY", "1")
                test.systemProperty("cxr.vectors", rootDir.resolve("../tests/vectors").path)
                test.systemProperty("cxr.fixtures", rootDir.resolve("../build/android/fixtures").path)
                test.systemProperty("cxr.screenshots", layout.buildDirectory.dir("screenshots").get().asFile.path)
                test.systemProperty("cxr.logs", layout.buildDirectory.dir("field-logs").get().asFile.path)
            }
        }
    }
}

kotlin {
    jvmToolchain(17)
}

dependencies {
    implementation(project(":core"))
    implementation(libs.executorch.android)
    // its runner compiles, and its libraries stay out: they are aligned to pages of 4 KiB, which Play refuses
    compileOnly(libs.tensorflow.lite)
    testImplementation(libs.junit4)
    testImplementation(libs.robolectric)
    testImplementation(libs.onnxruntime)
    androidTestImplementation(libs.androidx.test.runner)
}
