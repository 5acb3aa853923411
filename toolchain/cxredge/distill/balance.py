"""How often a training takes each film, so that where a film is from tells less of what is on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor


def shares(targets: Tensor, sources: Sequence[str]) -> Tensor:
    """targets float32[N, C], and each film's source -> float64[N], together 1: classes as often as they are, and within
    a class (films of equal targets) each source as often as another.

    A class that one source alone has is still told by it: what is nowhere cannot be drawn.
    """
    classes = [tuple(row) for row in targets.nan_to_num(-1).tolist()]
    of_class, of_both = Counter(classes), Counter(zip(classes, sources, strict=True))
    kinds = Counter(kind for kind, _ in of_both)
    found = [
        of_class[kind] / kinds[kind] / of_both[kind, source] for kind, source in zip(classes, sources, strict=True)
    ]
    return torch.tensor(found, dtype=torch.float64) / len(found)
