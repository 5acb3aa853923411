package org.cxredge.core.bundle

import org.cxredge.core.Refusal

/** A model's version, three numbers. */
data class ModelVersion(val major: Int, val minor: Int, val patch: Int) : Comparable<ModelVersion> {
    override fun compareTo(other: ModelVersion): Int =
        compareValuesBy(this, other, { it.major }, { it.minor }, { it.patch })

    override fun toString(): String = "$major.$minor.$patch"

    companion object {
        private val FORM = Regex("[0-9]{1,9}(\\.[0-9]{1,9}){2}")

        /** [text]: three whole numbers with dots between. Throws [Refusal] MANIFEST-SCHEMA. */
        fun parse(text: String): ModelVersion {
            if (!FORM.matches(text)) {
                val shown = text.take(SHOWN)
                throw Refusal("MANIFEST-SCHEMA", "\"$shown\" is no version of the form 1.2.3", "build the bundle again")
            }
            val (major, minor, patch) = text.split('.').map { it.toInt() }
            return ModelVersion(major, minor, patch)
        }

        private const val SHOWN = 40
    }
}
