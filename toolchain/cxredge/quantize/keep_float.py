"""What an artifact leaves in float though its scheme is INT8, from the recipe's ``keep_float``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxredge.aten import arguments, kind_of
from cxredge.errors import InputError
from cxredge.quantize.units import inside, keep, module_of, units
from cxredge.recipe import Recipe
from cxredge.recipe_input import InputSpec
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


@dataclass(frozen=True)
class KernelRead:
    """One convolution or linear layer of ``QUANTISED`` that an image passes. values: numbers in its kernel.
    grouped_transposed: whether it is a transposed convolution in groups, of which not every target has an INT8 form.
    constant: whether it is another operator with a constant beside the image, which not every target quantises."""

    module: str
    kernel: str
    """Names the kernel: two layers that share theirs read the same one."""
    values: int
    grouped_transposed: bool = False
    constant: bool = False


def kernel_reads(student: Student, spec: InputSpec) -> tuple[KernelRead, ...]:
    """All that INT8 may store, once for each operator that reads it, found in the exported graph."""
    import torch

    from cxredge.quantize.kernels import kernel_of

    with torch.no_grad():
        program = torch.export.export(student, (torch.zeros(1, spec.channels, spec.height, spec.width),))
    found = []
    given = set(program.graph_signature.user_inputs)
    images = {node for node in program.graph.nodes if node.name in given}
    """Nodes that depend on the image."""
    for node in program.graph.nodes:
        if images.isdisjoint(node.all_input_nodes):
            continue
        images.add(node)
        if node.op != "call_function" or not inside(module_of(node)):
            continue
        kernel = kernel_of(node)
        if kernel is None and "batch_norm" not in kind_of(node):
            found += [
                KernelRead(module_of(node), source.name, source.meta["val"].numel(), constant=True)
                for source in node.all_input_nodes
                if source not in images and isinstance(source.meta.get("val"), torch.Tensor)
            ]
        if kind_of(node).startswith(("adaptive_avg", "upsample")):
            # an exporter without such an operator writes it with tables of factors
            found.append(KernelRead(module_of(node), node.name, node.meta["val"].numel(), constant=True))
        if kernel is not None:
            grouped = "transpose" in kind_of(node) and arguments(node)["groups"] > 1
            found.append(KernelRead(module_of(node), kernel.name, kernel.meta["val"].numel(), grouped))
    return tuple(found)


def quantised_weights(reads: Iterable[KernelRead], kept: frozenset[str]) -> tuple[int, int]:
    """Number of weights that a scheme is to store in fewer bytes, shared kernels once; and how many it may: shared
    kernels once for each layer, and other constants."""
    left = [read for read in reads if read.module not in kept]
    once = {read.kernel: read.values for read in left if not read.constant}
    return sum(once.values()), sum(read.values for read in left)


def kept_by_scheme(
    target: TargetName, student: Student, schemes: Sequence[SchemeName], recipe: Recipe
) -> dict[SchemeName, Kept]:
    """What each scheme's artifact keeps.

    Raises InputError KEEP-FLOAT, KEEP-FLOAT-PATTERN, or KEEP-FLOAT-ALL when no weight would be left for INT8.
    """
    patterns = {scheme: recipe.keep_float.get(ArtifactName.of(target, scheme), ()) for scheme in schemes}
    asked = any(patterns.values())
    found = units(student, recipe.input) if asked else ()
    reads = kernel_reads(student, recipe.input) if asked else ()
    names = [name for name, _ in student.named_modules(remove_duplicate=False)]
    kept: dict[SchemeName, Kept] = {}
    for scheme in schemes:
        modules = keep(found, names, patterns[scheme])
        kept[scheme] = Kept(modules, tuple(sorted({u.name for u in found if u.modules & modules})))
        if modules and not quantised_weights(reads, modules)[0]:
            raise InputError(
                "KEEP-FLOAT-ALL",
                f"keep_float keeps every weight of {target}/{scheme} in float",
                f"keep less, or build {target}/fp32 instead",
            )
    return kept
