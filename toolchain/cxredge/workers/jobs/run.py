"""What running an artifact and running the reference over one stack of pictures have in common."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from array import array
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import EnvironmentProblem, counted
from cxredge.files import write_text
from cxredge.images.pixel_file import PixelFile
from cxredge.images.preprocess import to_student
from cxredge.outputs_layout import OutputsRecord, record_of
from cxredge.outputs_stream import OutputsWriter, new_outputs
from cxredge.workers.jobs.base import IMAGES, PICTURES_DIGEST, Clock, Desk, Job

if TYPE_CHECKING:
    from cxredge.targets.runner import Runner

OUTPUTS = "outputs.safetensors"
TIME = "time.json"
"""JSON: median milliseconds a picture."""

HELD = 2**20
"""Bytes of outputs that are held before they are written."""

HELD_WRONGLY = {"accidents": " held or exported wrongly"}
"""What is said after "films" of stacks whose name is no word that goes before it."""


class RunJob(Job):
    """Writes ``outputs.safetensors`` and ``time.json``.

    stack: what the pictures are, in a word. pictures: the folder of their pixels.
    """

    stack: str
    pictures: str

    def run_stack(self, desk: Desk, name: str, sha256: str, runtime: str, runner: Runner) -> None:
        """Run all pictures and write what came out."""
        clock = Clock()
        images = PixelFile.open(Path(self.pictures) / IMAGES)
        films = (Path(self.pictures) / PICTURES_DIGEST).read_text()
        record = record_of(self.place / OUTPUTS, name, sha256, films, runtime)
        median = run_all(runner, images, self.place / OUTPUTS, record)
        write_text(self.place / TIME, json.dumps({"median_ms": median}))
        films = "film" if self.stack in HELD_WRONGLY else f"{self.stack} film"
        desk.say(f"{name}: {counted(len(images), films)}{HELD_WRONGLY.get(self.stack, '')} in {clock}")

    @abstractmethod
    def do(self, desk: Desk) -> None:
        """See ``Job``."""


class Images(Protocol):
    """Pictures uint8[ch, H, W] and their number; a ``PixelFile``, or an array uint8[N, ch, H, W]."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[NDArray[np.uint8]]: ...


def run_all(runner: Runner, images: Images, path: Path, record: OutputsRecord) -> float:
    """Run one film at a time and write what comes out into the new file ``path``; memory stays flat.

    Returns the median of the milliseconds that one film took. Raises EnvironmentProblem RUN-SHAPE, DISK-*.
    """
    took = array("d")
    with ExitStack() as stack:
        rows: _Rows | None = None
        for image in images:
            one = to_student(image)
            began = time.perf_counter()
            outputs = runner.run(one)
            took.append(time.perf_counter() - began)
            if rows is None:
                shapes = {name: (len(images), *value.shape[1:]) for name, value in outputs.items()}
                rows = _Rows(stack.enter_context(new_outputs(path, record, shapes)))
            if (changed := rows.add(outputs)) is not None:
                raise EnvironmentProblem("RUN-SHAPE", f"{runner.what} changed the shape of {changed}", "build it again")
        if rows is not None:
            rows.flush()
    return 1e3 * float(np.median(took))


class _Rows:
    """Outputs of one film after the other, on their way into a file: some are held, to be written at once."""

    def __init__(self, writer: OutputsWriter) -> None:
        films = {name: shape[1:] for name, shape in writer.layout.shapes.items()}
        most = max(1, HELD // sum(4 * prod(shape) for shape in films.values()))
        self._writer = writer
        self._held = {name: np.empty((most, *shape), np.float32) for name, shape in films.items()}
        self._most, self._count, self._start = most, 0, 0

    def add(self, outputs: Mapping[str, NDArray[np.float32]]) -> str | None:
        """Take the next film's. The name of an output that is not as those of the first film were, and is not taken."""
        for name in {*self._held, *outputs}:
            held, value = self._held.get(name), outputs.get(name)
            if held is None or value is None or held.shape[1:] != value.shape[1:]:
                return name
            held[self._count] = value[0]
        self._count += 1
        if self._count == self._most:
            self.flush()
        return None

    def flush(self) -> None:
        """Write what is held."""
        for name, held in self._held.items():
            self._writer.put(name, self._start, held[: self._count])
        self._start, self._count = self._start + self._count, 0
