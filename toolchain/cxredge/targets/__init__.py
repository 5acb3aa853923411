"""Targets: runtimes that a student can be lowered to, a folder each; ``vocabulary.TARGETS`` lists them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from cxredge.errors import InputError, nearest
from cxredge.vocabulary import TARGETS as TARGETS

if TYPE_CHECKING:
    from cxredge.targets.base import Target
    from cxredge.vocabulary import TargetName


def target_module(name: TargetName) -> str:
    """The module of a registered target."""
    return TARGETS[name].partition(":")[0]


def get_target(name: str) -> Target:
    """The target called ``name``, imported when asked for. Raises InputError TARGET-UNKNOWN with the nearest names."""
    if name not in TARGETS:
        raise InputError("TARGET-UNKNOWN", f"there is no target {name!r}", "choose one", nearest(name, TARGETS))
    module, _, kind = TARGETS[name].partition(":")
    target: Target = getattr(import_module(module), kind)()
    return target
