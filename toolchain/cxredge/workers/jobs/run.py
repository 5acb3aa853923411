"""What running an artifact and running the reference over one stack of pictures have in common."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import EnvironmentProblem
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

WORDS = {"accidents": "films held or exported wrongly"}
"""Stacks whose name is no word that goes before "films"."""


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
        desk.say(f"{name}: {len(images)} {WORDS.get(self.stack, f'{self.stack} films')} in {clock}")

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
        writer: OutputsWriter | None = None
        for at, image in enumerate(images):
            one = to_student(image)
            began = time.perf_counter()
            outputs = runner.run(one)
            took.append(time.perf_counter() - began)
            if writer is None:
                shapes = {name: (len(images), *value.shape[1:]) for name, value in outputs.items()}
                writer = stack.enter_context(new_outputs(path, record, shapes))
            first = writer.layout.shapes
            for name in sorted({*first, *outputs}):
                if name not in first or name not in outputs or first[name][1:] != outputs[name].shape[1:]:
                    raise EnvironmentProblem(
                        "RUN-SHAPE", f"{runner.what} changed the shape of {name}", "build it again"
                    )
                writer.put(name, at, outputs[name])
    return 1e3 * float(np.median(took))
