"""Targets: the registry of runtimes that a student can be lowered to. Each is a folder with a ``base.Target``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from cxredge.errors import InputError, nearest

if TYPE_CHECKING:
    from cxredge.targets.base import Target
    from cxredge.vocabulary import TargetName

TARGETS: dict[str, str] = {
    # a new runtime is one folder beside these and one line here (and its name in recipe.TargetName)
    "executorch": "cxredge.targets.executorch.target:ExecuTorch",
    "tflite": "cxredge.targets.tflite.target:TFLite",
    "coreml": "cxredge.targets.coreml.target:CoreML",
    "onnx": "cxredge.targets.onnx.target:Onnx",
}


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
