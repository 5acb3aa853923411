"""INT8 weights rounded once, for all targets, so that the layers' outputs on the calibration films change least.

Exporters round each weight to its nearest step. On chest films neighbouring pixels are nearly equal, so the errors of a
filter's taps do not average out: they add up on the film's brightness, and a filter that looks for edges (its taps sum
to about zero) answers to light instead. Rounding with the inputs' second moments in view (Frantar et al. 2022, GPTQ,
after Hassibi & Stork 1993) moves each weight's error onto the weights not yet rounded; what is left of the mean goes
into the bias (Nagel et al. 2019). The result is a float student whose weights lie on the very grid that every
exporter's own symmetric per-channel rounding (scale = largest weight / 127) finds again, so that no exporter changes
them: one rounding serves all targets.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cxredge.quantize.folding import fold_batch_norm, is_identity
from cxredge.quantize.units import QUANTISED
from cxredge.recipe import InputSpec
from cxredge.students.base import Student

LEVELS = 127
"""Largest step of a symmetric 8-bit weight."""
DAMPING = 0.01
"""Share of the mean of the second moments' diagonal that is added to it (GPTQ's own default)."""
MAX_FILMS = 32
"""Films for the second moments: each gives thousands of patches."""


def round_weights(student: Student, spec: InputSpec, images: NDArray[np.uint8]) -> Student:
    """A copy with batch norms folded and the backbone's convolutions rounded.

    images: uint8[N, ch, H, W], calibration films; every N / 32-th is used.
    """
    rounded = fold_batch_norm(student, spec)
    layers = {name: m for name, m in rounded.get_submodule(QUANTISED).named_modules() if _plain(m)}
    moments = _observe(rounded, layers, images[:: max(1, len(images) // MAX_FILMS)])
    for name, conv in layers.items():
        # a layer that the student never calls has seen nothing, and no exporter stores it
        if moments[name].patches:
            _round(conv, moments[name])
    return rounded


def _plain(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Exactly ``nn.Conv2d`` with zero padding: a subclass may pad inside, and its patches would not be those seen here.

    What is left out is rounded to the nearest step by every exporter, as without this file.
    """
    return type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str)


def load_rounded(student: Student, tensors: dict[str, Tensor]) -> Student:
    """The rounded copy of ``student`` from its saved tensors, which tell what was folded: no export is needed again."""
    rounded = copy.deepcopy(student).eval()
    for name, module in rounded.named_modules():
        if isinstance(module, nn.Conv2d) and module.bias is None and f"{name}.bias" in tensors:
            module.bias = nn.Parameter(torch.empty(module.out_channels), requires_grad=False)
        if isinstance(module, nn.BatchNorm2d) and is_identity(tensors, name):
            module.eps = 0.0
    rounded.load_state_dict(tensors)
    return rounded


def put_back(rounded: Student, student: Student, spec: InputSpec, kept: frozenset[str]) -> Student:
    """A copy of ``rounded`` in which the modules ``kept`` have the weights of ``student`` again, batch norms folded.

    The other layers are those of ``rounded``: each was rounded on what the float student feeds it.
    """
    if not kept:
        return rounded
    mixed = copy.deepcopy(rounded)
    own = dict(fold_batch_norm(student, spec).named_modules(remove_duplicate=False))
    for name, module in mixed.named_modules(remove_duplicate=False):
        if name in kept and _plain(module):
            module.load_state_dict(own[name].state_dict())
    return mixed


@dataclass
class _Moments:
    """Per group of a convolution: second moments float64[G, D, D] and means float64[G, D] of its D inputs a patch."""

    second: Tensor
    first: Tensor
    patches: int = 0

    def add(self, conv: nn.Conv2d, x: Tensor) -> None:
        """x: float32[1, ch, h, w], one film's input to ``conv``."""
        patches = _patches(conv, x)
        self.second += torch.bmm(patches, patches.transpose(1, 2)).double()
        self.first += patches.sum(2).double()
        self.patches += patches.shape[2]


def _patches(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """float32[1, ch, h, w] -> float32[G, D, patches], D = channels of a group x kernel."""
    assert not isinstance(conv.padding, str)
    unfolded = nn.functional.unfold(x, conv.kernel_size, conv.dilation, conv.padding, conv.stride)
    return unfolded.reshape(conv.groups, -1, unfolded.shape[2])


@torch.no_grad()
def _observe(student: Student, layers: dict[str, nn.Conv2d], images: NDArray[np.uint8]) -> dict[str, _Moments]:
    moments = {}
    hooks = []
    for name, conv in layers.items():
        size = conv.weight[0].numel()
        shape = (conv.groups, size, size)
        moments[name] = _Moments(torch.zeros(shape, dtype=torch.float64), torch.zeros(shape[:2], dtype=torch.float64))
        hooks.append(conv.register_forward_hook(lambda c, args, _, m=moments[name]: m.add(c, args[0])))
    try:
        for image in images:
            student(torch.from_numpy(np.asarray(image, np.float32)[None]))
    finally:
        for hook in hooks:
            hook.remove()
    return moments


@torch.no_grad()
def _round(conv: nn.Conv2d, moments: _Moments) -> None:
    weight = conv.weight.double().reshape(conv.groups, -1, moments.second.shape[1])
    scale = weight.abs().amax(2, keepdim=True) / LEVELS
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    steps = _gptq(weight / scale, moments.second / moments.patches)
    error = (weight - steps * scale) @ (moments.first / moments.patches)[:, :, None]
    conv.weight.copy_((steps * scale).reshape(conv.weight.shape))
    if conv.bias is not None:
        conv.bias += error.reshape(-1).float()


def _gptq(weight: Tensor, second: Tensor) -> Tensor:
    """weight: float64[G, R, D] in steps; second: float64[G, D, D]. Returns whole steps, float64[G, R, D].

    Columns are rounded from the largest second moment down. A row's largest weight keeps its 127 steps, because the
    exporters read the row's scale from it.
    """
    order = second.diagonal(dim1=1, dim2=2).argsort(1, descending=True)
    weight = weight.gather(2, order[:, None, :].expand_as(weight)).clone()
    second = second.gather(1, order[:, :, None].expand_as(second)).gather(2, order[:, None, :].expand_as(second))
    diagonal = second.diagonal(dim1=1, dim2=2)
    diagonal += DAMPING * diagonal.mean(1, keepdim=True) + 1e-12
    upper = torch.linalg.cholesky(torch.linalg.inv(second), upper=True)
    largest = weight.abs().argmax(2)
    whole = torch.empty_like(weight)
    for j in range(weight.shape[2]):
        column = weight[:, :, j]
        kept = torch.where(largest == j, column.sign() * LEVELS, column.round().clamp(-LEVELS, LEVELS))
        whole[:, :, j] = kept
        left = (column - kept) / upper[:, None, j, j]
        weight[:, :, j + 1 :] -= left[:, :, None] * upper[:, None, j, j + 1 :]
    return torch.empty_like(whole).scatter_(2, order[:, None, :].expand_as(whole), whole)
