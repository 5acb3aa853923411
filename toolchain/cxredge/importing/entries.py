"""Which state dicts a loaded checkpoint holds: found by what they are, not by what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.importing.forms import too_much

if TYPE_CHECKING:
    from torch import Tensor

MAX_TENSORS = 20_000
"""Of one state dict: ten times the largest of timm's."""
MAX_ENTRIES = 64
DEPTH = 3
"""Mappings inside one another that are searched, as in ``ema.state_dict``."""
OPTIMISER = "param_groups"
"""What tells an optimiser's state from a network's."""


def entries_of(loaded: object, place: Path) -> dict[str, dict[str, Tensor]]:
    """State dicts by name: "" for one that is the file, else its key, with dots where it lies deeper.

    A state dict is a mapping of words to tensors, one of which has two dimensions or more: a network has no fewer, and
    counters, metrics and weights of a loss have. Raises InputError IMPORT-LIMIT.
    """
    found: dict[str, dict[str, Tensor]] = {}
    level: list[tuple[str, object]] = [("", loaded)]
    known: dict[int, dict[str, Tensor]] = {}  # a pickle may name one mapping any number of times
    for _ in range(DEPTH):
        deeper: list[tuple[str, object]] = []
        for name, value in level:
            if not isinstance(value, Mapping) or OPTIMISER in value:
                continue
            if len(value) > MAX_TENSORS:
                raise too_much(place, f"{len(value):,} values in one mapping", MAX_TENSORS)
            first = id(value) not in known
            if first:
                known[id(value)] = _state_dict(value)
            if known[id(value)]:
                found[name] = known[id(value)]
            elif first:
                deeper += [
                    (f"{name}.{key}" if name else key, part)
                    for key, part in value.items()
                    if isinstance(key, str) and isinstance(part, Mapping)
                ]
        level = deeper[:MAX_TENSORS]
    if len(found) > MAX_ENTRIES:
        raise too_much(place, f"{len(found)} state dicts", MAX_ENTRIES)
    return found


def _state_dict(value: Mapping[object, object]) -> dict[str, Tensor]:
    """The tensors of a mapping that is a state dict, else nothing."""
    import torch

    tensors: dict[str, Tensor] = {}
    for key, part in value.items():
        if not isinstance(key, str):
            return {}
        if isinstance(part, torch.Tensor):
            tensors[key] = part
        elif not key.endswith("_extra_state"):  # what a module may keep of its own beside tensors
            return {}
    return tensors if any(t.ndim >= 2 for t in tensors.values()) else {}
