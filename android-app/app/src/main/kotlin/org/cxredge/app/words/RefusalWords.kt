package org.cxredge.app.words

import org.cxredge.app.R

/** String resources that say in plain words what a code means, and what to do. */
data class RefusalWords(val title: Int, val advice: Int) {
    companion object {
        private val UNEXPECTED = RefusalWords(R.string.unexpected_title, R.string.unexpected_advice)
        private val KIND = RefusalWords(R.string.kind_title, R.string.kind_advice)
        private val LEVELS = RefusalWords(R.string.levels_title, R.string.levels_advice)

        private val CODES: Map<String, RefusalWords> = mapOf(
            "BUNDLE-MISSING" to RefusalWords(R.string.bundle_missing_title, R.string.bundle_missing_advice),
            "BUNDLE-ROLLBACK" to RefusalWords(R.string.rollback_title, R.string.rollback_advice),
            "BUNDLE-KIND" to RefusalWords(R.string.runtime_none_title, R.string.runtime_none_advice),
            "MANIFEST-VERSION" to RefusalWords(R.string.version_title, R.string.version_advice),
            "SIGNATURE-KEY" to RefusalWords(R.string.untrusted_title, R.string.signature_advice),
            "RUNTIME-NONE" to RefusalWords(R.string.runtime_none_title, R.string.runtime_none_advice),
            "RUNTIME-LOAD" to RefusalWords(R.string.runtime_load_title, R.string.runtime_load_advice),
            "STORAGE-LOW" to RefusalWords(R.string.storage_title, R.string.storage_advice),
            "STORAGE-WRITE" to RefusalWords(R.string.write_title, R.string.write_advice),
            "MEMORY-LOW" to RefusalWords(R.string.memory_title, R.string.memory_advice),
            "FILM-ACCESS" to RefusalWords(R.string.access_title, R.string.access_advice),
            "IMG-FORMAT" to RefusalWords(R.string.format_title, R.string.format_advice),
            "IMG-TRUNCATED" to RefusalWords(R.string.truncated_title, R.string.truncated_advice),
            "IMG-DAMAGED" to RefusalWords(R.string.damaged_title, R.string.damaged_advice),
            "IMG-SIZE" to RefusalWords(R.string.size_title, R.string.size_advice),
            "IMG-MULTIFRAME" to RefusalWords(R.string.multiframe_title, R.string.multiframe_advice),
            "IMG-NO-PIXELS" to RefusalWords(R.string.no_pixels_title, R.string.no_pixels_advice),
            "IMG-SYNTAX" to KIND,
            "IMG-PHOTOMETRIC" to KIND,
            "IMG-DEPTH" to KIND,
            "IMG-COLOUR" to RefusalWords(R.string.colour_title, R.string.colour_advice),
            "IMG-GREY" to RefusalWords(R.string.grey_title, R.string.grey_advice),
            "IMG-ALPHA" to RefusalWords(R.string.alpha_title, R.string.alpha_advice),
            "IMG-RESCALE" to LEVELS,
            "IMG-WINDOW" to LEVELS,
            "IMG-NAN" to LEVELS,
            "IMG-FLAT" to RefusalWords(R.string.flat_title, R.string.flat_advice),
            "IMG-ORIENTATION" to RefusalWords(R.string.orientation_title, R.string.orientation_advice),
            "IMG-MODALITY" to RefusalWords(R.string.modality_title, R.string.other_kind_advice),
            "IMG-BODY-PART" to RefusalWords(R.string.body_part_title, R.string.other_kind_advice),
            "IMG-VIEW" to RefusalWords(R.string.view_title, R.string.other_kind_advice),
        )

        /** What a family of codes has in common, where a code has no words of its own. */
        private val FAMILIES: Map<String, RefusalWords> = mapOf(
            "SIGNATURE-" to RefusalWords(R.string.signature_title, R.string.signature_advice),
            "BUNDLE-" to RefusalWords(R.string.bundle_title, R.string.bundle_advice),
            "SELFTEST-" to RefusalWords(R.string.bundle_title, R.string.bundle_advice),
            "MANIFEST-" to RefusalWords(R.string.manifest_title, R.string.manifest_advice),
            "KEY-" to RefusalWords(R.string.key_title, R.string.key_advice),
            "RUNTIME-" to RefusalWords(R.string.runtime_title, R.string.runtime_advice),
        )

        /** The code itself is always shown beside the words. */
        fun of(code: String): RefusalWords =
            CODES[code] ?: FAMILIES.entries.firstOrNull { code.startsWith(it.key) }?.value ?: UNEXPECTED
    }
}
