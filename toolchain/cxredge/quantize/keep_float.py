"""What an artifact leaves in float though its scheme is INT8, from the recipe's ``keep_float``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxredge.errors import InputError
from cxredge.quantize.units import inside, keep, units
from cxredge.recipe import Recipe
from cxredge.vocabulary import ArtifactName, SchemeName, TargetName

if TYPE_CHECKING:
    from cxredge.students.base import Student


@dataclass(frozen=True)
class Kept:
    """Modules of the student that one artifact leaves in float."""

    modules: frozenset[str] = frozenset()
    """Names of all modules whose operators stay in float (``units.kept_modules``)."""
    units: tuple[str, ...] = ()
    """Names of the units that they make up, sorted: for people."""


def kept_by_scheme(
    target: TargetName, student: Student, schemes: Sequence[SchemeName], recipe: Recipe
) -> dict[SchemeName, Kept]:
    """What each scheme's artifact keeps.

    Raises InputError KEEP-FLOAT, KEEP-FLOAT-PATTERN, or KEEP-FLOAT-ALL when no weight would be left for INT8.
    """
    patterns = {scheme: recipe.keep_float.get(ArtifactName.of(target, scheme), ()) for scheme in schemes}
    found = units(student, recipe.input) if any(patterns.values()) else ()
    names = [name for name, _ in student.named_modules(remove_duplicate=False)]
    kept: dict[SchemeName, Kept] = {}
    for scheme in schemes:
        modules = keep(found, names, patterns[scheme])
        kept[scheme] = Kept(modules, tuple(sorted({u.name for u in found if u.modules & modules})))
        if modules and not quantised_weights(student, modules):
            raise InputError(
                "KEEP-FLOAT-ALL",
                f"keep_float keeps every weight of {target}/{scheme} in float",
                f"keep less, or build {target}/fp32 instead",
            )
    return kept


def quantised_weights(student: Student, kept: frozenset[str]) -> int:
    """Number of weights of convolutions and linear layers that INT8 is asked to store."""
    parameters = ((*name.rpartition("."), tensor) for name, tensor in student.named_parameters())
    return sum(
        tensor.numel()
        for module, _, kind, tensor in parameters
        if inside(module) and module not in kept and kind == "weight" and tensor.ndim > 1
    )
