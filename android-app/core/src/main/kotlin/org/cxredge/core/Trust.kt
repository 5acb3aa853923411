package org.cxredge.core

/** A model's version, three numbers. */
data class Version(val major: Int, val minor: Int, val patch: Int) : Comparable<Version> {
    override fun compareTo(other: Version): Int = compareValuesBy(this, other, { it.major }, { it.minor }, { it.patch })

    override fun toString(): String = "$major.$minor.$patch"

    companion object {
        private val FORM = Regex("[0-9]+\\.[0-9]+\\.[0-9]+")

        /** [text]: three whole numbers with dots between. Throws [Refusal] MANIFEST-SCHEMA. */
        fun parse(text: String): Version {
            val parts = if (FORM.matches(text)) text.split('.').map { it.toIntOrNull() } else emptyList()
            val (major, minor, patch) = parts.filterNotNull().takeIf { it.size == PARTS } ?: throw Refusal(
                "MANIFEST-SCHEMA",
                "\"${text.take(SHOWN)}\" is no version of the form 1.2.3",
                "build the bundle again",
            )
            return Version(major, minor, patch)
        }

        private const val PARTS = 3
        private const val SHOWN = 40
    }
}

/** What an app accepts: bundles signed by one of [keys], and of each model (by name) nothing older than [newest]. */
class Trust(val keys: List<PinnedKey>, val newest: Map<String, Version> = emptyMap())
