"""A quality head in a program that was imported before: its parts are taken, and exported again with the head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cxredge.errors import InputError
from cxredge.importing.exporting import BATCH, export
from cxredge.importing.making import NO_FEATURES, Normalised, pooled
from cxredge.recipe import InputSpec
from cxredge.students.composed import ComposedStudent
from cxredge.students.program_student import ProgramStudent
from cxredge.students.quality import Quality

SAME = 1e-4
"""Of an output's largest value, at least 1: by how much a program may say something else once the head is in it."""


def pooled_of(student: ProgramStudent, image: Tensor) -> Tensor:
    """image float32[n, ch, H, W], 0..255 -> pooled features float32[n, d]. Raises InputError QUALITY-PROGRAM."""
    features = _part(student, "backbone")(student.normalisation(image))
    if not isinstance(features, Tensor) or features.ndim not in (2, 4):
        raise _refused(NO_FEATURES)
    return pooled(features)


def with_quality(student: ProgramStudent, quality: Quality, spec: InputSpec) -> bytes:
    """The program with the head in it, in the place of an older one. Raises InputError QUALITY-PROGRAM, IMPORT-*."""
    novelty = getattr(student, "novelty", None)
    backbone, head = _part(student, "backbone"), _part(student, "head")
    whole = ComposedStudent(student.normalisation, backbone, head, novelty, quality).eval()
    levels = torch.linspace(0, 255, BATCH * spec.channels * spec.height * spec.width)
    image = levels.reshape(BATCH, spec.channels, spec.height, spec.width)
    with torch.no_grad():
        before, after = student(image), whole(image)
        normalised = student.normalisation(image)
    for name, values in before.items():
        if name != "quality" and not _same(values, after.get(name)):
            raise _refused(f"{name} is something else once its parts are put together again")
    return export(Normalised(whole).eval(), normalised)


def _same(before: Tensor, after: Tensor | None) -> bool:
    if after is None or after.shape != before.shape:
        return False
    return float((after - before).abs().max()) <= SAME * max(1.0, float(before.abs().max()))


def _part(student: ProgramStudent, name: str) -> nn.Module:
    part = getattr(student, name, None)
    if not isinstance(part, nn.Module):
        raise _refused(f"it has no part {name}")
    return part


def _refused(cause: str) -> InputError:
    return InputError(
        "QUALITY-PROGRAM",
        f"the student's program cannot take a quality head: {cause}",
        "import the network again, or say quality: none",
    )
