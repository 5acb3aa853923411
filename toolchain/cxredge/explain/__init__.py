"""Layerwise error: an artifact's tensors aligned with the student's modules, and what float would give back."""
