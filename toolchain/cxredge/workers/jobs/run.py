"""What running an artifact and running the reference over one stack of pictures have in common."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import EnvironmentProblem
from cxredge.files import write_text
from cxredge.images.preprocess import to_student
from cxredge.outputs import Outputs, write_outputs
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
        images = np.load(Path(self.pictures) / IMAGES, mmap_mode="r")
        films = (Path(self.pictures) / PICTURES_DIGEST).read_text()
        outputs, median = run_all(runner, images)
        write_outputs(self.place / OUTPUTS, name, sha256, films, runtime, outputs)
        write_text(self.place / TIME, json.dumps({"median_ms": median}))
        desk.say(f"{name}: {len(images)} {WORDS.get(self.stack, f'{self.stack} films')} in {clock}")

    @abstractmethod
    def do(self, desk: Desk) -> None:
        """See ``Job``."""


def run_all(runner: Runner, images: NDArray[np.uint8]) -> tuple[Outputs, float]:
    """Run uint8[N, ch, H, W] one film at a time; memory stays flat because outputs are written in place.

    Returns the outputs, and the median of the milliseconds that one film took. Raises EnvironmentProblem RUN-SHAPE.
    """
    collected: Outputs = {}
    took = []
    for i in range(len(images)):
        image = to_student(np.asarray(images[i]))
        began = time.perf_counter()
        one = runner.run(image)
        took.append(time.perf_counter() - began)
        for name, value in one.items():
            if i == 0:
                collected[name] = np.empty((len(images), *value.shape[1:]), np.float32)
            if collected[name].shape[1:] != value.shape[1:]:
                raise EnvironmentProblem("RUN-SHAPE", f"{runner.what} changed the shape of {name}", "build it again")
            collected[name][i] = value[0]
    return collected, 1e3 * float(np.median(took))
