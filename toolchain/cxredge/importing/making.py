"""The student that an original becomes: divided, with a novelty score fitted, and exported again as one program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cxredge.errors import InputError
from cxredge.importing.division import Divided, divide
from cxredge.importing.exporting import BATCH, export
from cxredge.importing.network import Original
from cxredge.recipe_student import Normalise
from cxredge.students.composed import ComposedStudent
from cxredge.students.normalisation import Normalisation
from cxredge.students.novelty import Novelty
from cxredge.students.program_file import read_program

RANK = 32
"""Most principal components of a novelty score."""
LEAST = 20
"""Training films, below which a novelty score says nothing."""
AT_ONCE = 32


@dataclass(frozen=True)
class Made:
    """The student's program with its outputs' names, what was divided, the novelty's rank, and the logits of a film."""

    program: bytes
    outputs: tuple[str, ...]
    divided: Divided
    rank: int | None
    count: int


def make_student(original: Original, normalise: Normalise, train: Tensor | None) -> Made:
    """train: uint8[N, ch, H, W], the training films that a novelty score is fitted to; None: it gets none.

    Raises InputError IMPORT-NOVELTY (it cannot be fitted) and IMPORT-EXPORT.
    """
    divided = divide(read_program(original.program, "the exported original").exported, original.place)
    normalisation = Normalisation(normalise)
    novelty = None if train is None else _fitted(divided, normalisation, train)
    student = ComposedStudent(normalisation, divided.backbone, divided.head, novelty).eval()
    image = torch.zeros(BATCH, original.channels, *original.size)
    with torch.no_grad():
        answer = student.answer(image)
    rank = None if novelty is None else int(novelty.axes.shape[1])
    return Made(export(_Normalised(student).eval(), image), tuple(answer), divided, rank, answer["logits"].shape[1])


class _Normalised(nn.Module):
    """A student behind its normalisation, which the recipe holds as data."""

    def __init__(self, student: ComposedStudent) -> None:
        super().__init__()
        self.backbone, self.head, self.novelty = student.backbone, student.head, student.novelty

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """float32[N, c, H, W] -> the outputs of the contract, in its order."""
        return tuple(ComposedStudent.answer(self, x).values())  # type: ignore[arg-type]  # it has the same parts


def _fitted(divided: Divided, normalisation: nn.Module, train: Tensor) -> Novelty:
    fix = "say --novelty none, and nothing will tell whether a film is unlike the training films"
    if divided.features is None:
        raise InputError("IMPORT-NOVELTY", "the network has no vector of features behind which its head begins", fix)
    if len(train) < LEAST:
        cause = f"{len(train)} training films are there, and a novelty score is fitted to {LEAST} or more"
        raise InputError("IMPORT-NOVELTY", cause, f"bring more, or {fix}")
    with torch.no_grad():
        pooled = torch.cat([_pooled(divided.backbone(normalisation(part))) for part in batches(train)])
    rank = max(1, min(RANK, pooled.shape[1] - 1, len(train) - 2))
    made = Novelty(pooled.shape[1], rank)
    made.fit(pooled)
    return made


def _pooled(features: Tensor) -> Tensor:
    return features.mean((2, 3)) if features.ndim == 4 else features


def batches(images: Tensor) -> Iterator[Tensor]:
    """uint8[N, ch, H, W] -> float32[n, ch, H, W]."""
    return (part.float() for part in images.split(AT_ONCE))
