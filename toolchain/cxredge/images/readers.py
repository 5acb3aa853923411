"""Which distributions decide a film's pixels."""

from __future__ import annotations

READERS = ("numpy", "pillow", "pydicom", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg")
"""What decodes and resizes films."""
