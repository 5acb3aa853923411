"""CXR Edge: from a distilled chest-X-ray student to verified phone models."""

__version__ = "0.1.0"
