"""Heads: from a map of features to logits, and to heatmaps where there is a formula for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

STEEP = 1e4
"""A step from 0 to 1 at z is relu6(6 STEEP z) / 6: it is exact but for 0 < z < 1e-4, and every delegate has it, as not
every one has a clamp at 1."""


class ExactHead(nn.Module):
    """Global mean, then one linear layer: the layer on every place of the map is the heatmap, its mean the logit.

    forward: features float32[N, d, h, w] -> logits float32[N, C], cam float32[N, C, h, w].
    weight float32[C, d], bias float32[C] or None (Zhou et al., CVPR 2016: class activation mapping).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.conv = _pointwise(weight, bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        cam = self.conv(features)
        return cam.mean((2, 3), keepdim=True).flatten(1), cam


class Affine(nn.Module):
    """``z * scale + shift``: what a batch norm or a bias does. scale, shift: float32[M] or one number."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.detach().clone().reshape(1, -1, 1, 1))
        self.register_buffer("shift", shift.detach().clone().reshape(1, -1, 1, 1))

    def forward(self, z: Tensor) -> Tensor:
        """See the class."""
        return z * self.scale + self.shift

    def along(self, z: Tensor, direction: Tensor) -> Tensor:
        """The derivative at ``z``, times ``direction``."""
        return direction * self.scale


class Pointwise(nn.Module):
    """A linear layer on float32[N, M, h, w]. weight: float32[K, M], bias: float32[K] or None."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.conv = _pointwise(weight, None)
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone().reshape(1, -1, 1, 1))

    def forward(self, z: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.conv(z)
        return out if self.bias is None else out + self.bias

    def along(self, z: Tensor, direction: Tensor) -> Tensor:
        """The derivative at ``z``, times ``direction``."""
        out: Tensor = self.conv(direction)
        return out


class Hidden(nn.Module):
    """A network, and the first linear layer of its head on every place of its map: pooling and the layer commute.

    So the layer belongs to what INT8 quantises. conv: of 1 x 1, without a bias.
    """

    def __init__(self, net: nn.Module, conv: nn.Conv2d) -> None:
        super().__init__()
        self.net = net
        self.hidden = conv

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.hidden(self.net(x))
        return out


class Activation(nn.Module):
    """One of ``ACTIVATIONS``."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, z: Tensor) -> Tensor:
        """See the class."""
        return ACTIVATIONS[self.kind][0](z)

    def along(self, z: Tensor, direction: Tensor) -> Tensor:
        """The derivative at ``z``, times ``direction``."""
        return direction * ACTIVATIONS[self.kind][1](z)


class GradientHead(nn.Module):
    """Global mean, then several layers: Grad-CAM without autograd.

    forward: features float32[N, d, h, w] -> logits float32[N, C], cam float32[N, C, h, w].
    The heatmap is the gradient of the logit with respect to the pooled features, times the features at each place:
    sum_k (d logit / d mean_k) A_k (Selvaraju et al., ICCV 2017; the gradient of the mean, and no ReLU at the end).
    It is computed forward, as the directional derivative of the layers at the pooled features in the direction of each
    place's features, so that every layer is a convolution of 1 x 1 and the product with an activation's derivative.
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        z, direction = features.mean((2, 3), keepdim=True), features
        for layer in self.layers:
            direction = layer.along(z, direction)  # type: ignore[operator]
            z = layer(z)
        return z.flatten(1), direction


def _step(z: Tensor) -> Tensor:
    """In training a step that is flat everywhere, as autograd has it: a map that is taught would else, once in a while,
    get a gradient of STEEP."""
    flat = z.requires_grad and not torch.compiler.is_exporting()
    return nn.functional.relu6((z.detach() if flat else z) * (6 * STEEP)) * (1 / 6)


def _silu_slope(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s + z * s * (1.0 - s)


def _hardswish_slope(z: Tensor) -> Tensor:
    """0 below -3, 1 above 3, (2 z + 3) / 6 between."""
    above = _step(z - 3.0)
    return above + (_step(z + 3.0) - above) * (z * (1 / 3) + 0.5)


ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "relu": (torch.relu, _step),
    "relu6": (nn.functional.relu6, lambda z: _step(z) * _step(6.0 - z)),
    "hardswish": (nn.functional.hardswish, _hardswish_slope),
    "silu": (nn.functional.silu, _silu_slope),
}
"""By ATen's name: the function, and its derivative."""


class Chosen(nn.Module):
    """A head's answers, of some of its labels in an order of one's own; places: int[K] below its number of labels.

    forward: features -> as the head's, logits float32[N, K] and maps float32[N, K, h, w].
    """

    places: Tensor

    def __init__(self, head: nn.Module, places: Sequence[int]) -> None:
        super().__init__()
        self.head = head
        self.register_buffer("places", torch.tensor(places))

    def forward(self, features: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """See the class."""
        found = self.head(features)
        if isinstance(found, Tensor):
            return found[:, self.places]
        logits, cam = found
        return logits[:, self.places], cam[:, self.places]


def exact_head(features: int, labels: int) -> nn.Conv2d:
    """An untrained convolution to the maps whose means are the logits."""
    return nn.Conv2d(features, labels, 1)


def upscaled(maps: Tensor, factor: int) -> Tensor:
    """Finer maps from more channels: float32[N, C s s, h, w] -> float32[N, C, s h, s w], s being ``factor``.

    Each place's s s channels of a label become s x s cells, the upper left one first: the sub-pixel convolution of Shi
    et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN" (CVPR 2016). Equal to
    ``pixel_shuffle``, in tensors of five axes at most, as Core ML takes them.
    """
    n, channels, h, w = maps.shape
    labels = channels // factor**2
    wide = maps.reshape(n, labels * factor, factor, h, w).permute(0, 1, 3, 4, 2).reshape(n, -1, h, w * factor)
    both = wide.reshape(n, labels, factor, h, w * factor).permute(0, 1, 3, 2, 4)
    return both.reshape(n, labels, h * factor, w * factor)


def hardswish_head(features: int, labels: int) -> GradientHead:
    """An untrained head: the pooled features through h-swish and one linear layer."""
    layer = nn.Linear(features, labels)
    return GradientHead([Activation("hardswish"), Pointwise(layer.weight, layer.bias)])


def _pointwise(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    outside, inside = weight.shape[:2]
    conv = nn.Conv2d(inside, outside, 1, bias=bias is not None)
    with torch.no_grad():
        conv.weight.copy_(weight.reshape(outside, inside, 1, 1))
        if bias is not None and conv.bias is not None:
            conv.bias.copy_(bias)
    return conv
