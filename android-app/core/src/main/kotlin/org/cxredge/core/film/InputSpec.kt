package org.cxredge.core.film

/** How a film gets the model's aspect ratio: bars, centred cut, distortion. */
enum class Fit { PAD, CROP, SQUASH }

/** What 0 and 255 mean for an image without a window: the stored bits' range, or its own extremes. */
enum class NoWindow { STORED_RANGE, MIN_MAX }

/** What films a model takes, and their preprocessing, as data: docs/preprocessing.md. */
data class InputSpec(
    val channels: Int,
    val height: Int,
    val width: Int,
    val fit: Fit,
    val padValue: Int,
    val noWindow: NoWindow,
    /** Codes of which a DICOM film must have one; empty: any. */
    val modalities: List<String> = emptyList(),
    /** Codes of which one that a DICOM film has must be one; empty: any. */
    val bodyParts: List<String> = emptyList(),
    /** As [bodyParts]. */
    val views: List<String> = emptyList(),
)
