"""Constant methods of a ``.pte``: what the program says of itself, as strings."""

from __future__ import annotations

OUTPUTS_METHOD = "cxr_outputs"
"""Output names in their order, comma-separated."""
LABELS_METHOD = "cxr_labels"
"""Label names, comma-separated."""
INPUT_METHOD = "cxr_input"
"""The input spec as JSON."""
