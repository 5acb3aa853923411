"""Finding the order in which modules are best kept in float."""

from __future__ import annotations

import json
from typing import Literal

from cxredge.errors import counted
from cxredge.files import write_text
from cxredge.workers.jobs.base import Clock, Desk
from cxredge.workers.jobs.calibrated import CalibratedJob

ORDER = "order.json"
"""JSON: groups of unit names, the one first whose float helps INT8 most."""
FILMS = 16
"""Calibration films on which the order is measured."""
MOST_FLOAT = 0.5
"""Share of the weights beyond which an INT8 artifact in pieces costs about what the next scheme does."""


class RankSensitivity(CalibratedJob):
    """Writes ``order.json``."""

    kind: Literal["sensitivity"] = "sensitivity"

    def do(self, desk: Desk) -> None:
        """See ``quantize.sensitivity.Simulation.order``."""
        from cxredge.quantize.keep_float import kernel_reads, quantised_weights
        from cxredge.quantize.sensitivity import Simulation

        films = self.films()
        assert films is not None
        clock = Clock()
        desk.single_thread()
        student = self.student(desk)
        simulation = Simulation(student, self.recipe.input, films, self.rounded_student(desk))
        some = films.images[:: max(1, len(films.images) // FILMS)][:FILMS]
        reads = kernel_reads(student, self.recipe.input)
        total, _ = quantised_weights(reads, frozenset())
        groups: list[tuple[str, ...]] = []
        kept: frozenset[str] = frozenset()
        for step in simulation.order(some):
            kept |= {m for unit in simulation.units if unit.name in step.units for m in unit.modules}
            if quantised_weights(reads, kept)[0] < (1 - MOST_FLOAT) * total:
                break
            groups.append(step.units)
        write_text(self.place / ORDER, json.dumps(groups))
        desk.say(f"{self.name}: {counted(len(groups), 'group')} of modules in {clock}")
