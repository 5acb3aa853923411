"""A quality head in a program that was imported before: it runs as it is, and is exported again with the head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cxredge.errors import InputError
from cxredge.importing.exporting import BATCH, export
from cxredge.importing.making import NO_FEATURES, pooled
from cxredge.quantize.units import QUANTISED
from cxredge.recipe_input import InputSpec
from cxredge.students.program_student import ProgramStudent
from cxredge.students.quality import Quality
from cxredge.vocabulary import OUTPUT_NAMES

SAME = 1e-4
"""Of an output's largest value, at least 1: by how much a program may say something else once the head is in it."""


def pooled_of(student: ProgramStudent, image: Tensor) -> Tensor:
    """image float32[n, ch, H, W], 0..255 -> pooled features float32[n, d]. Raises InputError QUALITY-PROGRAM."""
    backbone = getattr(student, QUANTISED, None)
    if not isinstance(backbone, nn.Module):
        raise _refused(f"it has no part {QUANTISED}")
    features = backbone(student.normalisation(image))
    if not isinstance(features, Tensor) or features.ndim not in (2, 4):
        raise _refused(NO_FEATURES)
    return pooled(features)


def with_quality(student: ProgramStudent, quality: Quality, spec: InputSpec) -> bytes:
    """The program with the head in it, in the place of an older one. Raises InputError QUALITY-PROGRAM, IMPORT-*."""
    levels = torch.linspace(0, 255, BATCH * spec.channels * spec.height * spec.width)
    image = levels.reshape(BATCH, spec.channels, spec.height, spec.width)
    extended = _Extended(student, quality).eval()
    with torch.no_grad():
        before, normalised = student(image), student.normalisation(image)
        wanted = {**before, "quality": quality(pooled_of(student, image))}
        after = dict(zip(extended.outputs, extended(normalised), strict=True))
    for name, values in wanted.items():
        if not _same(values, after[name]):
            raise _refused(f"{name} is something else once the head is in it")
    return export(extended, normalised)


class _Extended(nn.Module):
    """A program's own parts, under their names, and what it answers with a head more."""

    def __init__(self, student: ProgramStudent, quality: Quality) -> None:
        super().__init__()
        for name, child in student.named_children():
            if name != "normalisation":
                self.add_module(name, child)
        for name, parameter in student.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        for name, buffer in student.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        self._run, self._names = student.run, student.names
        self.quality = quality
        self.outputs = tuple(name for name in OUTPUT_NAMES if name in (*student.names, "quality"))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """float32[N, c, H, W], normalised -> the outputs of the contract, in its order."""
        seen: list[Tensor] = []
        # of the very pass that gives the outputs, or the backbone would stand twice in the program
        watch = getattr(self, QUANTISED).register_forward_hook(lambda module, inputs, found: seen.append(found))
        try:
            found = self._run(self, x)
        finally:
            watch.remove()
        answers = dict(zip(self._names, (found,) if isinstance(found, Tensor) else found, strict=True))
        answers["quality"] = self.quality(seen[0])
        return tuple(answers[name] for name in self.outputs)


def _same(before: Tensor, after: Tensor) -> bool:
    if after.shape != before.shape:
        return False
    return float((after - before).abs().max()) <= SAME * max(1.0, float(before.abs().max()))


def _refused(cause: str) -> InputError:
    return InputError(
        "QUALITY-PROGRAM",
        f"the student's program cannot take a quality head: {cause}",
        "import the network again, or say quality: none",
    )
