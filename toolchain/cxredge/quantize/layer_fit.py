"""One layer's weights fitted to what INT8 feeds it, and rounded so that its output changes least.

Of a layer, x are the inputs that the INT8 network gives it on the calibration films, and y what the float student puts
out there. The weights become the ridge regression of y on x, drawn towards the float weights: Hubara et al. 2020
(AdaQuant, arXiv 2006.10518) in closed form, Li et al. 2025 (GPTQ's asymmetric calibration, arXiv 2504.02692) for
convolutions. Where they do worse on films that were not fitted to, the float weights stay. Each is rounded with the
second moments of x in view (Frantar et al. 2022, GPTQ, after Hassibi & Stork 1993): its error moves onto the weights
not yet rounded. The bias takes what is left of the mean (Nagel et al. 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cxredge.quantize.eight_bit import LEVELS, row_steps

DAMPING = 0.01
"""Share of the mean of the second moments' diagonal that is added to it while rounding (GPTQ's own default)."""
LEAST_RIDGE = 0.002
"""Of the same mean: the ridge of a layer with many more samples than unknowns."""
NOISE = 1e-9
"""Share of the second moments' diagonal below which they tell nothing."""
RIDGE = 25.0
"""How many samples weigh as one: neighbours of a film tell nearly the same."""
PATCHES = 256
"""Of a film."""
BLOCK = 64
"""Columns whose errors are put onto the ones behind together."""

Layer = nn.Conv2d | nn.Linear


def samples(layer: Layer, x: Tensor, y: Tensor, film: int) -> tuple[Tensor, Tensor]:
    """What a film's outputs are computed from, and the outputs: float32[G, D, n] and [G, R, n].

    x, y: the layer's input and output for one film, float32[1, ...]. film: its number, which tells where the first
    sample lies. G: groups; D: channels of a group x kernel, or a linear layer's inputs; R: outputs of a group. n: about
    ``PATCHES`` of a larger image, evenly spread, as neighbours tell nearly the same.
    """
    if isinstance(layer, nn.Linear):
        return x.reshape(1, -1, layer.in_features).transpose(1, 2), y.reshape(1, -1, layer.out_features).transpose(1, 2)
    assert not isinstance(layer.padding, str)
    step = max(1, math.isqrt(y.shape[2] * y.shape[3] // PATCHES))
    # 5 is no divisor of the usual steps: rows and columns are not shifted alike
    row, column = film % step, 5 * film % step
    outputs = y[:, :, row::step, column::step].reshape(layer.groups, layer.out_channels // layer.groups, -1)
    (down, across), (top, left) = layer.stride, layer.padding
    padded = nn.functional.pad(x, (left, left, top, top))[:, :, row * down :, column * across :]
    (high, wide), (below, beside) = layer.kernel_size, layer.dilation
    tiles = padded.unfold(2, (high - 1) * below + 1, step * down).unfold(3, (wide - 1) * beside + 1, step * across)
    # a view so far: one copy is half of what torch's unfold takes
    inputs = tiles[..., ::below, ::beside].permute(0, 1, 4, 5, 2, 3)
    return inputs.reshape(layer.groups, layer.weight[0].numel(), -1), outputs


class FilmSums:
    """What is summed film by film for one layer, and becomes ``Moments``.

    Products are summed about each film's means, which float32 holds: of differences that are small beside the means it
    would leave nothing otherwise. What the means add is one product at the end.
    """

    def __init__(self, layer: Layer) -> None:
        groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
        size, rows = layer.weight[0].numel(), len(layer.weight) // groups
        self._second = torch.zeros(groups, size, size)
        self._cross = torch.zeros(groups, rows, size)
        self._energy = torch.zeros(groups, dtype=torch.float64)
        self._means: tuple[list[Tensor], list[Tensor]] = [], []
        self._patches: list[int] = []

    def add(self, x: Tensor, y: Tensor) -> None:
        """Of one film. x: float32[G, D, patches]; y: float32[G, R, patches]."""
        mx, my = x.mean(2), y.mean(2)
        dx, dy = x - mx[:, :, None], y - my[:, :, None]
        self._second.baddbmm_(dx, dx.transpose(1, 2))
        self._cross.baddbmm_(dy, dx.transpose(1, 2))
        self._energy += dy.square().sum((1, 2))
        # what float32 rounded away of the means is left in the differences
        self._means[0].append(mx.double() + dx.mean(2))
        self._means[1].append(my.double() + dy.mean(2))
        self._patches.append(x.shape[2])

    def moments(self) -> Moments:
        """Of the films so far, of which there is one at least."""
        x, y = (torch.stack(means, 2) for means in self._means)
        weights = torch.tensor(self._patches, dtype=torch.float64)
        return Moments(
            self._second.double() + torch.bmm(x * weights, x.transpose(1, 2)),
            self._cross.double() + torch.bmm(y * weights, x.transpose(1, 2)),
            x @ weights,
            y @ weights,
            self._energy + y.square().sum(1) @ weights,
            int(weights.sum()),
        )


@dataclass
class Moments:
    """Sums over patches, float64: x xT [G, D, D], y xT [G, R, D], x [G, D], y [G, R], and y's squares, by group."""

    second: Tensor
    cross: Tensor
    first: Tensor
    result: Tensor
    energy: Tensor
    patches: int

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.second + other.second,
            self.cross + other.cross,
            self.first + other.first,
            self.result + other.result,
            self.energy + other.energy,
            self.patches + other.patches,
        )

    def centred(self, bias: bool) -> tuple[Tensor, Tensor]:
        """x xT and y xT a patch; bias: about the means, for which the bias makes up."""
        second, cross = self.second / self.patches, self.cross / self.patches
        if not bias:
            return second, cross
        first, result = self.first / self.patches, self.result / self.patches
        return second - first[:, :, None] * first[:, None, :], cross - result[:, :, None] * first[:, None, :]

    @property
    def noise(self) -> Tensor:
        """What is added to the diagonal, by group [G]: of inputs that never change, differences are nothing else."""
        return NOISE * self.second.diagonal(dim1=1, dim2=2).mean(1) / self.patches + 1e-12

    def offset(self, weight: Tensor, bias: bool) -> Tensor:
        """The bias [G, R] with which outputs of ``weight`` [G, R, D] have the right mean; 0 without one."""
        if not bias:
            return torch.zeros_like(self.result)
        return (self.result - torch.einsum("grd,gd->gr", weight, self.first)) / self.patches

    def error(self, weight: Tensor, offset: Tensor) -> float:
        """Sum of (y - weight x - offset)^2."""
        fitted = (weight * (torch.bmm(weight, self.second) - 2 * self.cross)).sum((1, 2)) + self.energy
        left = self.result - torch.einsum("grd,gd->gr", weight, self.first)
        return float((fitted - 2 * (offset * left).sum(1) + self.patches * offset.square().sum(1)).sum())


def fitted(weight: Tensor, halves: tuple[Moments, Moments], bias: bool) -> Tensor | None:
    """The ridge's weights, float64[G, R, D]; None where ``weight`` itself does better on films that were not seen.

    halves: each of other films. For the comparison each half is fitted to by itself, and tried on the other.
    """
    fit = own = 0.0
    for seen, unseen in (halves, halves[::-1]):
        found = ridge(weight, seen, bias)
        fit += unseen.error(found, seen.offset(found, bias))
        own += unseen.error(weight, seen.offset(weight, bias))
    return ridge(weight, halves[0] + halves[1], bias) if fit <= own else None


def ridge(weight: Tensor, moments: Moments, bias: bool) -> Tensor:
    """argmin over W of |W x - y|^2 + lambda |W - weight|^2, all float64[G, R, D].

    lambda: the mean of the moments' diagonal, times ``RIDGE`` unknowns for a sample, and not less than ``LEAST_RIDGE``.
    """
    second, cross = moments.centred(bias)
    size = second.shape[1]
    mean = second.diagonal(dim1=1, dim2=2).mean(1)
    strength = (mean * max(LEAST_RIDGE, RIDGE * size / moments.patches) + moments.noise)[:, None]
    second.diagonal(dim1=1, dim2=2).add_(strength)
    wanted = cross + strength[:, :, None] * weight
    return torch.cholesky_solve(wanted.transpose(1, 2), torch.linalg.cholesky(second)).transpose(1, 2)


def rounded(weight: Tensor, moments: Moments, bias: bool) -> Tensor:
    """weight: float64[G, R, D]. Returns it on the grid of each row.

    Columns are rounded from the largest second moment down. A row's largest weight keeps its 127 steps, because the
    exporters read the row's scale from it.
    """
    second, _ = moments.centred(bias)
    scale = row_steps(weight)
    order = second.diagonal(dim1=1, dim2=2).argsort(1, descending=True)
    places = order[:, None, :].expand_as(weight)
    steps = (weight / scale).gather(2, places)
    second = second.gather(1, order[:, :, None].expand_as(second)).gather(2, order[:, None, :].expand_as(second))
    diagonal = second.diagonal(dim1=1, dim2=2)
    diagonal += DAMPING * diagonal.mean(1, keepdim=True) + moments.noise[:, None]
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(second)), upper=True)
    largest = steps.abs().argmax(2)
    whole = torch.empty_like(steps)
    for start in range(0, steps.shape[2], BLOCK):
        block = slice(start, start + BLOCK)
        left, rest = torch.empty_like(steps[:, :, block]), steps[:, :, start + BLOCK :]
        for j in range(start, start + left.shape[2]):
            column = steps[:, :, j]
            kept = torch.where(largest == j, column.sign() * LEVELS, column.round().clamp(-LEVELS, LEVELS))
            whole[:, :, j] = kept
            left[:, :, j - start] = error = (column - kept) / upper[:, None, j, j]
            steps[:, :, j + 1 : start + BLOCK] -= error[:, :, None] * upper[:, None, j, j + 1 : start + BLOCK]
        rest -= torch.bmm(left, upper[:, block, start + BLOCK :])
    return torch.empty_like(whole).scatter_(2, places, whole) * scale
