package org.cxredge.core.json

/** Whether this is a control character (C0, DEL, C1), a separator of lines, or turns the direction of writing. */
internal fun Char.isUnprintable(): Boolean =
    isISOControl() || this in '\u2028'..'\u202e' || this in '\u2066'..'\u2069'
