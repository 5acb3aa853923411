"""The student that an original becomes: divided, with float heads fitted, and exported again as one program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cxredge.data.accidents import LEAST_TRAIN, quality_classes
from cxredge.errors import InputError, counted
from cxredge.importing.division import Divided, divide
from cxredge.importing.exporting import BATCH, export
from cxredge.importing.network import Original
from cxredge.recipe_input import InputSpec
from cxredge.recipe_student import Normalise
from cxredge.students.composed import ComposedStudent
from cxredge.students.normalisation import Normalisation
from cxredge.students.novelty import Novelty
from cxredge.students.program_file import read_program
from cxredge.students.quality import Quality, by_parts

RANK = 32
"""Most principal components of a novelty score."""
LEAST = 20
"""Training films, below which a novelty score says nothing."""
AT_ONCE = 32
MOST_SHOWN = 256
"""Training films that a quality head is fitted to here, each seen six times: networks from elsewhere may be slow."""
NO_FEATURES = "the network has no vector of features that a linear head could read"


@dataclass(frozen=True)
class Made:
    """The student's program with its outputs' names, what was divided, the novelty's rank, the logits of a film, and
    why there is no quality head (None: there is one)."""

    program: bytes
    outputs: tuple[str, ...]
    divided: Divided
    rank: int | None
    count: int
    no_quality: str | None


@dataclass(frozen=True)
class Heads:
    """The heads that are asked for beside the network's own. spec: of the films; None: no quality head."""

    novelty: bool = True
    spec: InputSpec | None = None


def make_student(original: Original, normalise: Normalise, train: Tensor | None, heads: Heads = Heads()) -> Made:
    """train: uint8[N, ch, H, W], the training films that ``heads`` are fitted to; None: it gets none.

    A quality head is left out where it cannot be fitted. Raises InputError IMPORT-NOVELTY (that score cannot be fitted)
    and IMPORT-EXPORT.
    """
    divided = divide(read_program(original.program, "the exported original").exported, original.place)
    normalisation = Normalisation(normalise)
    novelty = _fitted(divided, normalisation, train) if train is not None and heads.novelty else None
    no_quality = _no_quality(divided, train, heads)
    quality = None
    if train is not None and heads.spec is not None and no_quality is None:
        quality = fitted_quality(lambda image: pooled(divided.backbone(normalisation(image))), train, heads.spec)
    student = ComposedStudent(normalisation, divided.backbone, divided.head, novelty, quality).eval()
    image = torch.zeros(BATCH, original.channels, *original.size)
    with torch.no_grad():
        answer = student.answer(image)
    rank = None if novelty is None else int(novelty.axes.shape[1])
    program = export(_Normalised(student).eval(), image)
    return Made(program, tuple(answer), divided, rank, answer["logits"].shape[1], no_quality)


class _Normalised(nn.Module):
    """A student behind its normalisation, which the recipe holds as data."""

    def __init__(self, student: ComposedStudent) -> None:
        super().__init__()
        self.backbone, self.head, self.novelty = student.backbone, student.head, student.novelty
        self.quality = student.quality

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
        seen = torch.cat([pooled(divided.backbone(normalisation(part))) for part in batches(train)])
    rank = max(1, min(RANK, seen.shape[1] - 1, len(train) - 2))
    made = Novelty(seen.shape[1], rank)
    made.fit(seen)
    return made


def _no_quality(divided: Divided, train: Tensor | None, heads: Heads) -> str | None:
    """Why there is no quality head."""
    if train is None or heads.spec is None:
        return "not asked for"
    if divided.features is None:
        return NO_FEATURES
    if len(train) < LEAST_TRAIN:
        return f"{counted(len(train), 'training film')}, and it is fitted to {LEAST_TRAIN} or more"
    return None


def fitted_quality(features: Callable[[Tensor], Tensor], train: Tensor, spec: InputSpec) -> Quality:
    """features: images float32[n, ch, H, W], 0..255, to float32[n, d]; train: uint8[N, ch, H, W] -> a fitted head."""
    classes = [by_parts(features, part, "quality") for part in quality_classes(train.numpy(), spec, MOST_SHOWN)]
    return Quality.fitted_to(classes)


def pooled(features: Tensor) -> Tensor:
    """Features float32[N, d, h, w], or float32[N, d] -> float32[N, d]."""
    return features.mean((2, 3)) if features.ndim == 4 else features


def batches(images: Tensor) -> Iterator[Tensor]:
    """uint8[N, ch, H, W] -> float32[n, ch, H, W]."""
    return (part.float() for part in images.split(AT_ONCE))
