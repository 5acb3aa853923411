"""Rounding the student's weights to INT8 once, for all targets."""

from __future__ import annotations

from typing import Literal

from cxredge.files import write_bytes
from cxredge.workers.jobs.base import Clock, Desk
from cxredge.workers.jobs.calibrated import ROUNDED, CalibratedJob


class RoundWeights(CalibratedJob):
    """Writes ``rounded.safetensors``."""

    kind: Literal["round"] = "round"

    def do(self, desk: Desk) -> None:
        """See ``quantize.rounding.round_weights``."""
        from safetensors.torch import save

        from cxredge.quantize.rounding import round_weights

        films = self.films()
        assert films is not None
        clock = Clock()
        desk.single_thread()
        tensors = round_weights(self.student(desk), self.recipe.input, films.images).state_dict()
        write_bytes(self.place / ROUNDED, save({name: t.contiguous() for name, t in tensors.items()}))
        desk.say(f"{self.name}: done in {clock}")
