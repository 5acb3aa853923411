"""Decisions: a film is positive for a label when its logit is at or above the label's operating point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.recipe import OperatingPoint


def thresholds(names: Sequence[str], points: Mapping[str, OperatingPoint]) -> NDArray[np.float32]:
    """Operating points as float32[C], in the order of the labels; float32 because that is what an app compares."""
    return np.array([points[name].logit for name in names], np.float32)


def decide(logits: NDArray[np.float32], cut: NDArray[np.float32]) -> NDArray[np.bool_]:
    """bool[N, C]: at or above the operating point, compared in float32."""
    return logits >= cut


def flips(reference: NDArray[np.bool_], other: NDArray[np.bool_], names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Per label, how many films went (negative to positive, positive to negative)."""
    up = (~reference & other).sum(0)
    down = (reference & ~other).sum(0)
    return {name: (int(up[i]), int(down[i])) for i, name in enumerate(names)}
