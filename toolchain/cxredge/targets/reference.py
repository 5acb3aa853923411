"""The reference: the float32 eager student on the CPU, behind the same runner as every artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.targets.runner import Runner

if TYPE_CHECKING:
    from cxredge.students.base import Student


class Reference(Runner):
    """Eager PyTorch. ``threads`` is the process's own setting: one thread gives the same bits on any core count."""

    def __init__(self, student: Student, threads: int = 1) -> None:
        import torch

        super().__init__("the reference")
        torch.set_num_threads(threads)
        self._student = student

    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        import torch

        with torch.inference_mode():
            outputs = self._student(torch.from_numpy(image))
        return {name: value.numpy().copy() for name, value in outputs.items()}
