"""Students: the contract in ``base``, one file per family of backbones, and how weights become a student."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cxredge.errors import InputError, counted, first_line, some_of
from cxredge.files import open_regular, sha256_bytes
from cxredge.outputs_layout import wrong_shape
from cxredge.path_errors import reading, shown
from cxredge.recipe_student import BackboneSpec, ProgramSpec
from cxredge.vocabulary import QUALITY_KINDS

if TYPE_CHECKING:
    from torch import Tensor

    from cxredge.recipe import Recipe
    from cxredge.recipe_input import InputSpec
    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.students.base import Student
    from cxredge.students.program_student import ProgramStudent

Whose = Literal["student", "teacher"]
"""Whose weights a file holds: errors say it, and what helps differs."""
MAX_BYTES = 1 << 30
"""Of a file of weights: a hundred times the zoo's."""


def new_student(recipe: Recipe, backbone: str, quality: bool = False, upscale: int = 1) -> BackboneStudent:
    """An untrained student, or a teacher where ``backbone`` is a teacher's, in training mode.

    quality: with a quality head. It is fitted behind a training, which does not know it. upscale: the recipe's
    ``map_upscale``, of a student; a teacher's maps are those of its backbone.
    Random weights come from torch's global generator: seed it first. Raises InputError STUDENT-UNKNOWN, STUDENT-MAP or
    STUDENT-SIZE.
    """
    rank = None if recipe.novelty is None else trainable(recipe).novelty_rank
    kinds = len(QUALITY_KINDS) if quality else 0
    return _untrained(backbone, recipe.input, len(recipe.labels.names), rank, kinds, upscale)


def _untrained(
    backbone: str, spec: InputSpec, labels: int, rank: int | None, kinds: int = 0, upscale: int = 1
) -> BackboneStudent:
    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.students.backbones import parts_of

    parts = parts_of(backbone, spec)
    return BackboneStudent(parts.backbone, parts.features, labels, rank, kinds, parts.head, upscale)


def trainable(recipe: Recipe) -> BackboneSpec:
    """The recipe's backbone. Raises InputError STUDENT-PROGRAM: the student is a program that was exported."""
    if isinstance(recipe.student, ProgramSpec):
        raise InputError(
            "STUDENT-PROGRAM",
            f"the student of {recipe.name} is a program ({recipe.student.words}), which has no backbone to train",
            "train the original where it was trained, and import it again",
        )
    return recipe.student


def build_student(recipe: Recipe, weights: Path) -> Student:
    """The recipe's student with the weights of a file, in evaluation mode.

    The file's SHA-256 is held against the recipe before a byte of it is parsed. Raises InputError WEIGHTS-MISSING,
    WEIGHTS-HASH, WEIGHTS-CORRUPT, WEIGHTS-FIT, WEIGHTS-NAN, STUDENT-*, NOVELTY-UNFITTED or
    QUALITY-UNFITTED; of a program PROGRAM-*.
    """
    if isinstance(recipe.student, ProgramSpec):
        return load_program(recipe, recipe.student, weights)
    student = load_student(recipe, weights, recipe.quality is not None)
    _check_fitted(student.novelty is None or student.novelty.fitted, weights)
    _check_quality(student.quality is None or student.quality.fitted, weights)
    return student


def load_program(recipe: Recipe, spec: ProgramSpec, weights: Path) -> ProgramStudent:
    """``build_student`` of a program. Raises InputError WEIGHTS-* and PROGRAM-* too."""
    data = checked_weights(weights, recipe.weights.sha256)
    from cxredge.students.program_file import read_program
    from cxredge.students.program_student import ProgramStudent

    program = read_program(data, shown(weights))
    if len(program.outputs) != len(recipe.outputs):
        raise InputError(
            "PROGRAM-UNFIT",
            f"{shown(weights)} gives {counted(len(program.outputs), 'output')}, and the recipe says "
            f"{', '.join(recipe.outputs)}",
            "say heatmap, novelty and quality as they are, or import the network again",
        )
    student = ProgramStudent(spec.normalise, program, recipe.outputs).eval()
    _check_answers(student, recipe, shown(weights))
    state = student.state_dict()
    _check_fitted("novelty.axes" not in state or bool(state["novelty.axes"].any()), weights)
    _check_quality("quality.weight" not in state or bool(state["quality.weight"].any()), weights)
    _check_finite(state, weights)
    return student


def _check_answers(student: Student, recipe: Recipe, what: str) -> None:
    """Raises InputError PROGRAM-UNFIT where the program does not answer two images as the recipe says."""
    import torch

    spec, labels = recipe.input, len(recipe.labels.names)
    fix = "correct the recipe's input and labels, or import the network again"
    try:
        with torch.no_grad():
            found = student(torch.zeros(2, spec.channels, spec.height, spec.width))
    except Exception as error:  # whatever operators raise for other shapes than theirs
        shape = f"{spec.channels} x {spec.height} x {spec.width}"
        raise InputError(
            "PROGRAM-UNFIT", f"{what} does not run on images of {shape}: {first_line(error)}", fix
        ) from error
    shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    kinds = ", ".join(f"{name} {_kind(tensor)}" for name, tensor in found.items())
    whole = all(tensor.dtype == torch.float32 for tensor in found.values())
    if wrong_shape(shapes, 2) is not None or shapes["logits"][1] != labels or not whole:
        raise InputError(
            "PROGRAM-UNFIT",
            f"of two images {what} gives {kinds}, and not float32 outputs of {counted(labels, 'label')}",
            fix,
        )


def _check_fitted(fitted: bool, weights: Path) -> None:
    if not fitted:
        raise InputError(
            "NOVELTY-UNFITTED",
            f"{weights} holds a novelty score that was never fitted: its mean and axes are all zero",
            "fit it on the training films (cxredge distill does), or say novelty: none in the recipe",
        )


def _check_quality(fitted: bool, weights: Path) -> None:
    if not fitted:
        raise InputError(
            "QUALITY-UNFITTED",
            f"{shown(weights)} holds no quality head that was fitted",
            "fit it on the training films (cxredge quality does), or say quality: none in the recipe",
        )


def load_student(recipe: Recipe, weights: Path, quality: bool | None = None) -> BackboneStudent:
    """``build_student`` of a backbone, whatever its heads are fitted to.

    quality: whether there must be a quality head; None: as the file has it.
    """
    spec = trainable(recipe)
    tensors = read_weights(weights, recipe.weights.sha256)
    there = any(key.startswith("quality.") for key in tensors)
    _check_quality(there or not quality, weights)
    student = new_student(recipe, spec.backbone, there if quality is None else quality, spec.map_upscale)
    _check_fit(student.state_dict(), tensors, weights, "student")
    student.load_state_dict(tensors)
    return student.eval()


def load_teacher(recipe: Recipe, backbone: str, labels: int, weights: Path, sha256: str) -> BackboneStudent:
    """A teacher of as many labels of its own, for the recipe's films, in evaluation mode.

    Heads for novelty and quality that the file may hold are left out: they teach nothing. Raises InputError as
    ``load_student`` does.
    """
    tensors = {
        key: tensor
        for key, tensor in read_weights(weights, sha256, "teacher").items()
        if not key.startswith(("novelty.", "quality."))
    }
    model = _untrained(backbone, recipe.input, labels, None)
    _check_fit(model.state_dict(), tensors, weights, "teacher")
    model.load_state_dict(tensors)
    return model.eval()


def checked_weights(weights: Path, sha256: str, whose: Whose = "student") -> bytes:
    """The file's bytes, held against the hash.

    Raises InputError WEIGHTS-MISSING, WEIGHTS-SIZE, WEIGHTS-HASH or PATH-READ, EnvironmentProblem DISK-*.
    """
    if not os.path.lexists(weights):
        raise InputError(
            "WEIGHTS-MISSING",
            f"there are no weights of the {whose} at {weights}",
            "put the file there, or train it: cxredge distill"
            if whose == "student"
            else "put the file there, or name another in the weights of this teacher",
        )
    with reading(weights), open_regular(weights) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > MAX_BYTES:
            raise InputError(
                "WEIGHTS-SIZE",
                f"{shown(weights)} has {size:,} bytes; {MAX_BYTES:,} are read",
                f"name a {whose}'s weights",
            )
        data = stream.read()
    found = sha256_bytes(data)
    if found != sha256:
        raise InputError(
            "WEIGHTS-HASH",
            f"{weights} has SHA-256 {found}, and the recipe wants {sha256}",
            "restore the file that the recipe means; only for weights that you trust, write their hash into the recipe",
        )
    return data


def read_weights(weights: Path, sha256: str, whose: Whose = "student") -> dict[str, Tensor]:
    """The file's tensors, as it has them. Raises InputError WEIGHTS-CORRUPT, and as ``checked_weights``."""
    data = checked_weights(weights, sha256, whose)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            "WEIGHTS-CORRUPT",
            f"{weights} is not a whole safetensors file: {error}",
            "restore the file, or train again"
            if whose == "student"
            else "restore the file, or name another in the weights of this teacher",
        ) from error


def _check_fit(wanted: dict[str, Tensor], found: dict[str, Tensor], weights: Path, whose: Whose) -> None:
    """Float16 fits float32, which it becomes on loading: the reference is what the file says, widened."""
    import torch

    wrong = [f"{key} is missing" for key in sorted(wanted.keys() - found.keys())]
    wrong += [f"{key} is unknown" for key in sorted(found.keys() - wanted.keys())]
    for key in sorted(wanted.keys() & found.keys()):
        here, there = found[key], wanted[key]
        fits = here.dtype == there.dtype or (here.dtype, there.dtype) == (torch.float16, torch.float32)
        if here.shape != there.shape or not fits:
            wrong.append(f"{key} is {_kind(here)} and not {_kind(there)}")
    if wrong:
        raise InputError(
            "WEIGHTS-FIT",
            f"{weights} does not fit the {whose}: {some_of(wrong, '; ')}",
            "use the backbone, labels, novelty, novelty_rank, map_upscale and quality that these weights have, or "
            "train again"
            if whose == "student"
            else "give this teacher the backbone and labels, and the recipe the novelty and novelty_rank, that these "
            "weights have, or name other weights",
        )
    _check_finite(found, weights, whose)


def _check_finite(found: Mapping[str, Tensor], weights: Path, whose: Whose = "student") -> None:
    import torch

    for key in sorted(found):
        if not bool(torch.isfinite(found[key]).all()):
            raise InputError(
                "WEIGHTS-NAN",
                f"{weights}: {key} holds NaN or infinity",
                "train again; do not ship this"
                if whose == "student"
                else "name other weights: nothing is learnt from these",
            )


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
