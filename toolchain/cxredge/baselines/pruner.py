"""The package that prunes: looked for without importing it, for it imports PyTorch."""

from __future__ import annotations

from importlib import util

from cxredge.errors import EnvironmentProblem

PACKAGE = "torch-pruning"


def check_pruner() -> None:
    """Raises EnvironmentProblem BASELINES-PACKAGE where it is not installed."""
    if util.find_spec(PACKAGE.replace("-", "_")) is None:
        raise EnvironmentProblem(
            "BASELINES-PACKAGE",
            f"{PACKAGE} is not installed, which prunes the teacher",
            "install cxredge with its extra baselines; in a clone: make setup",
        )
