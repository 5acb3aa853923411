"""The preprocessing vectors that Python, Kotlin and Swift are held to."""
