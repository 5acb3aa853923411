"""Rounding the student's weights to INT8 once for a scheme, for all targets."""

from __future__ import annotations

from typing import Literal

from cxredge.files import write_bytes
from cxredge.vocabulary import SchemeName
from cxredge.workers.jobs.base import Clock, Desk
from cxredge.workers.jobs.calibrated import ROUNDED, CalibratedJob


class RoundWeights(CalibratedJob):
    """Writes ``rounded.safetensors``. keep: patterns of modules that stay in float."""

    kind: Literal["round"] = "round"
    scheme: SchemeName
    keep: tuple[str, ...] = ()

    def do(self, desk: Desk) -> None:
        """See ``quantize.rounding.round_weights``."""
        from safetensors.torch import save

        from cxredge.quantize.rounding import round_weights
        from cxredge.quantize.units import kept_modules

        films = self.films()
        assert films is not None
        clock = Clock()
        desk.single_thread()
        student, spec = self.student(desk), self.recipe.input
        kept = kept_modules(student, spec, self.keep)
        tensors = round_weights(student, spec, films, self.scheme == "w8", kept, desk.say).state_dict()
        write_bytes(self.place / ROUNDED, save({name: t.contiguous() for name, t in tensors.items()}))
        desk.say(f"{self.name}: done in {clock}")
