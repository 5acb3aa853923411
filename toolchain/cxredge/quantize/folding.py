"""Batch normalisation folded into the convolution before it, as every exporter will do."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping

import torch
from torch import nn

from cxredge.quantize.branches import plain_student
from cxredge.recipe_input import InputSpec
from cxredge.students.base import Student


def fold_batch_norm(student: Student, spec: InputSpec) -> Student:
    """A copy that computes the same in evaluation mode, with every conv -> batch norm pair folded into the conv.

    The batch norm stays where it is as an exact identity (scale 1, shift 0, mean 0, variance 1, eps 0), so that an
    exporter that folds it again multiplies by 1. Kernels that are computed from parameters are computed first.
    """
    folded = copy.deepcopy(plain_student(student, spec)).eval()
    pairs = list(_pairs(folded, spec))
    uses = Counter(id(module) for pair in pairs for module in pair)
    for conv, norm in pairs:
        # one that serves in two places has no single scale to take up
        if uses[id(conv)] == uses[id(norm)] == 1 and norm.affine:
            _fold(conv, norm)
    return folded


def _pairs(student: Student, spec: InputSpec) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions whose only user is a batch norm, found in the exported graph, not guessed from names."""
    example = (torch.zeros(1, spec.channels, spec.height, spec.width),)
    program = torch.export.export(student, example)
    parameters = program.graph_signature.inputs_to_parameters
    modules = dict(student.named_modules())

    def owner(node: object) -> nn.Module | None:
        name = parameters.get(str(node))
        return None if name is None else modules.get(name.rpartition(".")[0])

    for node in program.graph.nodes:
        if "batch_norm" not in str(node.target) or not node.args:
            continue
        source = node.args[0]
        if "conv2d" not in str(source.target) or len(source.users) != 1:
            continue
        conv, norm = owner(source.args[1]), owner(node.args[1])
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            yield conv, norm


@torch.no_grad()
def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight.double() / (variance.double() + norm.eps).sqrt()
    bias = torch.zeros_like(scale) if conv.bias is None else conv.bias.double()
    conv.weight.copy_(conv.weight.double() * scale[:, None, None, None])
    conv.bias = nn.Parameter((norm.bias.double() + (bias - mean.double()) * scale).float(), requires_grad=False)
    norm.weight.fill_(1)
    norm.bias.zero_()
    mean.zero_()
    variance.fill_(1)
    norm.eps = 0.0


def is_identity(tensors: Mapping[str, torch.Tensor], norm: str) -> bool:
    """Whether the state of batch norm ``norm`` among ``tensors`` is what folding leaves, which has no ``eps``."""
    left = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}
    return all(bool((tensors[f"{norm}.{name}"] == value).all()) for name, value in left.items())
