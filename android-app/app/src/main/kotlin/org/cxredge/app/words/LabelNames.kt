package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.core.bundle.Label

/** What people are shown of a label, in the first of their languages that the bundle has a name in. */
fun Label.shown(resources: Resources): String {
    val locales = resources.configuration.locales
    return shown((0 until locales.size()).map { locales[it].toLanguageTag() })
}
