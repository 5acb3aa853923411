"""What must hold before a student is lowered, and of the file that lowering made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxredge.errors import InputError
from cxredge.outputs_layout import wrong_shape
from cxredge.recipe import Recipe
from cxredge.recipe_input import InputSpec
from cxredge.results import Census
from cxredge.targets.training_mode import evaluated
from cxredge.vocabulary import INTEGER_SCHEMES, SchemeName

if TYPE_CHECKING:
    from cxredge.students.base import Student


SMALL = 1024
"""Bytes of zero points and the like that a file may hold beside its INT8 weights."""


def check_student(student: Student, recipe: Recipe) -> None:
    """Run a grey image, and hold what the student answers against what the recipe says that it does.

    Raises InputError STUDENT-TRAINING (an operator works as in training), STUDENT-CONTRACT: output names, their order,
    their shapes, or the number of labels.
    """
    shapes, labels = answered(student, recipe.input), len(recipe.labels.names)
    fits = tuple(shapes) == recipe.outputs and shapes["logits"] == (1, labels) and wrong_shape(shapes, 1) is None
    if not fits:
        raise InputError(
            "STUDENT-CONTRACT",
            f"the student answers {shapes}, not {', '.join(recipe.outputs)} in this order and {labels} logits",
            "keep the student contract of cxredge.students.base, with the outputs that the recipe says",
        )


def answered(student: Student, spec: InputSpec) -> dict[str, tuple[int, ...]]:
    """Names of what the student answers, in its order, each with its shape for one image.

    Raises InputError STUDENT-TRAINING.
    """
    import torch

    outputs = evaluated(student, torch.full((1, spec.channels, spec.height, spec.width), 127.0))
    return {name: tuple(tensor.shape) for name, tensor in outputs.items()}


def check_census(name: str, scheme: SchemeName, census: Census, asked: tuple[int, int]) -> None:
    """Hold what was read back from artifact ``name`` against what was asked for. Raises InputError TARGET-CENSUS.

    asked: number of weights that the scheme was to store in one byte each (fp16: in two), with shared kernels stored
    once, and once for each layer. The file may hold some bytes more: zero points, and what an exporter adds.
    """
    total = sum(census.weight_bytes.values())
    int8 = sum(n for d, n in census.weight_bytes.items() if d in ("int8", "uint8"))
    quantised = any(d in ("int8", "uint8") for d in census.activations)
    wrong = None
    if scheme in INTEGER_SCHEMES and not 0.5 * asked[0] <= int8 <= 1.25 * asked[1] + SMALL:
        wrong = f"{int8} of {total} constant bytes are 8-bit, and {asked[0]} should be"
    if scheme == "w8a8" and not quantised:
        wrong = "no activation is 8-bit"
    if scheme in ("fp32", "fp16") and (int8 > 0.05 * total or quantised):
        wrong = "it holds 8-bit weights or activations"
    half = census.weight_bytes.get("float16", 0)
    if scheme == "fp16" and half < asked[0]:
        wrong = f"{half} of {total} constant bytes are float16, and {2 * asked[0]} should be"
    if any(d != "float32" for d in {**census.inputs, **census.outputs}.values()):
        wrong = f"its inputs and outputs are not all float32: {census.inputs} -> {census.outputs}"
    if wrong is not None:
        raise InputError(
            "TARGET-CENSUS",
            f"{name} was asked for, but the file says otherwise: {wrong}",
            "the exporter skipped what it was told; report the student and the package versions",
        )
