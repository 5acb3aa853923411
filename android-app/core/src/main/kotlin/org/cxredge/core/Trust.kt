package org.cxredge.core

/** A model's version, three numbers. */
data class Version(val major: Int, val minor: Int, val patch: Int) : Comparable<Version> {
    override fun compareTo(other: Version): Int = compareValuesBy(this, other, { it.major }, { it.minor }, { it.patch })

    override fun toString(): String = "$major.$minor.$patch"

    companion object {
        private val FORM = Regex("[0-9]{1,9}(\\.[0-9]{1,9}){2}")

        /** [text]: three whole numbers with dots between. Throws [Refusal] MANIFEST-SCHEMA. */
        fun parse(text: String): Version {
            if (!FORM.matches(text)) {
                val shown = text.take(SHOWN)
                throw Refusal("MANIFEST-SCHEMA", "\"$shown\" is no version of the form 1.2.3", "build the bundle again")
            }
            val (major, minor, patch) = text.split('.').map { it.toInt() }
            return Version(major, minor, patch)
        }

        private const val SHOWN = 40
    }
}

/** What an app accepts: bundles signed by one of [keys], and of each model (by name) nothing older than [newest]. */
class Trust(val keys: List<PinnedKey>, val newest: Map<String, Version> = emptyMap())
