"""A teacher's answers, kept: where films are seen in a fixed set of views, it is asked once about each.

They lie in the cache in parts of some thousand films, which the processes of a machine share out among themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from cxredge.distill.processes import Processes
from cxredge.distill.views import Sample, View, Views
from cxredge.progress import track
from cxredge.stages import Cache, Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ask = Callable[[Tensor], Mapping[str, Tensor]]
"""What a teacher says of films float32[n, ch, h, w] 0..255."""
PART = 4096
BATCH = 32


class AnswersOfView(Stage):
    """What the teachers said of one part of the films in one view: a ``.npy`` an output."""

    kind = "teacher-answers"
    made_here = True
    code = ("cxredge.distill.teachers", "cxredge.distill.views")
    packages = ("torch", "timm", "numpy")

    def __init__(self, ask: Ask, teachers: str, names: Sequence[str], views: Views, view: View, part: int) -> None:
        """teachers: the hash that names them and their weights. names: of the outputs that are kept."""
        self.ask, self.teachers, self.names, self.views, self.view = ask, teachers, tuple(names), views, view
        self.rows = range(part * PART, min((part + 1) * PART, len(views.films)))
        self.step = f"Teacher's answers, view {view.number + 1}"
        self.kept, self.missing = "already asked", "not yet asked"

    @property
    def inputs(self) -> Mapping[str, object]:
        """Whoever answers, the films, and how they are seen."""
        return {
            "teachers": self.teachers,
            "outputs": list(self.names),
            "films": self.views.films.digest,
            "rows": [self.rows.start, self.rows.stop],
            "seed": self.views.seed,
            "view": self.view.number,
            "size": list(self.view.size),
            "threads": torch.get_num_threads(),
        }

    def make(self, folder: Path, device: torch.device) -> None:
        """Ask, and write."""
        kept: dict[str, NDArray[np.float32]] = {}
        starts = self.rows[::BATCH]
        for start in track(starts, self.step, len(starts)):
            places = torch.arange(start, min(start + BATCH, self.rows.stop))
            said = self.ask(self.views.sample(self.view, places, device).films)
            for name in self.names:
                part = said[name].cpu().numpy()
                if name not in kept:
                    shape = (len(self.rows), *part.shape[1:])
                    kept[name] = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, shape)
                kept[name][start - self.rows.start :][: len(places)] = part


class KeptAnswers:
    """``ask`` of samples whose views return: each is asked about once, and read from the cache then."""

    def __init__(self, ask: Ask, teachers: str, names: Sequence[str], views: Views, processes: Processes) -> None:
        self._make = lambda view, part: AnswersOfView(ask, teachers, names, views, view, part)
        self._names, self._processes, self._store = tuple(names), processes, Cache()
        self._parts = -(-len(views.films) // PART)

    def __call__(self, sample: Sample) -> dict[str, Tensor]:
        """Outputs by name, of the sample's films in its view, as they were kept."""
        parts = self.prepare(sample.view)
        places = sample.places.tolist()
        return {
            name: torch.from_numpy(np.stack([parts[at // PART][name][at % PART] for at in places])).to(
                sample.films.device
            )
            for name in self._names
        }

    @lru_cache(maxsize=2)  # noqa: B019  # the run's own
    def prepare(self, view: View) -> list[dict[str, NDArray[np.float32]]]:
        """All answers of a view, by part; the teachers are asked where they were not yet. All processes come here."""
        stages = [self._make(view, part) for part in range(self._parts)]
        for stage in stages[self._processes.local_rank :: self._processes.local_world]:
            self._store.made(stage, partial(stage.make, device=self._processes.device))
        self._processes.wait()
        folders = [self._store.folder(stage) for stage in stages]
        return [{name: np.load(at / f"{name}.npy", mmap_mode="r") for name in self._names} for at in folders]
