package org.cxredge.core.bundle

/** One label of the model. [display]: what people are shown, by language tag. */
class Label(val name: String, private val display: Map<String, String>) {
    /**
     * What people are shown. [languages]: the system's, as BCP 47 tags, the preferred one first. Each is looked for
     * whole, then without script and region; then comes English, then [name] itself.
     */
    fun shown(languages: List<String>): String {
        val wanted = languages.flatMap { listOf(it, it.substringBefore('-')) } + FALLBACK
        return wanted.firstNotNullOfOrNull { display[it] } ?: name.replace('_', ' ')
    }

    private companion object {
        const val FALLBACK = "en"
    }
}
