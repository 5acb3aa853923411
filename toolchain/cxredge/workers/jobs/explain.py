"""What the two jobs behind a layerwise error have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.files import write_text
from cxredge.vocabulary import ArtifactName
from cxredge.workers.jobs.base import IMAGES, Clock, Desk
from cxredge.workers.jobs.calibrated import CalibratedJob

if TYPE_CHECKING:
    from cxredge.explain.records import SimulationRecord, TraceRecord

EXPLAINED = "explained.json"
"""JSON: a ``TraceRecord``, or a ``SimulationRecord``."""


class ExplainJob(CalibratedJob):
    """Writes ``explained.json``. artifact: what is explained. pictures: folder of the pixels to explain it on."""

    artifact: ArtifactName
    pictures: str

    def images(self) -> NDArray[np.uint8]:
        """uint8[N, ch, H, W]."""
        found: NDArray[np.uint8] = np.load(Path(self.pictures) / IMAGES)
        return found

    def write(self, desk: Desk, record: TraceRecord | SimulationRecord, clock: Clock) -> None:
        """Write the record, and say so."""
        write_text(self.place / EXPLAINED, record.model_dump_json())
        desk.say(f"{self.name}: done in {clock}")
