"""EEEA-Net-C2, the student of Termritthikun et al., "Explainable knowledge distillation for on-device chest X-ray
classification" (arXiv 2305.06244): a fixed subnet of OFA-MobileNetV3.

Weights begin as PyTorch's own defaults; how the paper began is not known.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from torch import Tensor, nn

from cxredge.students.heads import Hidden, hardswish_head
from cxredge.students.parts import Parts

STEM = 16
LAST = 960
HIDDEN = 1280
EPS = 1e-5
MOMENTUM = 0.1


class BlockSpec(NamedTuple):
    """One row of the table: channels between and behind, the depthwise kernel's side, its stride, channels that the
    excitation squeezes to (0: it has none), and whether activations are h-swish (else ReLU)."""

    inner: int
    out: int
    kernel: int
    stride: int
    squeeze: int
    swish: bool


BLOCKS = tuple(
    BlockSpec(*row)
    for row in (
        (16, 16, 3, 1, 0, False),
        (48, 24, 3, 2, 0, False),
        (96, 24, 5, 1, 0, False),
        (72, 24, 3, 1, 0, False),
        (96, 40, 7, 2, 24, False),
        (120, 40, 3, 1, 32, False),
        (120, 40, 7, 1, 32, False),
        (240, 80, 5, 2, 0, True),
        (480, 80, 7, 1, 0, True),
        (240, 80, 5, 1, 0, True),
        (240, 80, 3, 1, 0, True),
        (480, 112, 7, 1, 120, True),
        (448, 112, 5, 1, 112, True),
        (336, 112, 3, 1, 88, True),
        (336, 112, 3, 1, 88, True),
        (672, 160, 5, 2, 168, True),
        (960, 160, 3, 1, 240, True),
        (960, 160, 5, 1, 240, True),
        (480, 160, 7, 1, 120, True),
    )
)


def _layer(
    channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: nn.Module | None = None
) -> nn.Sequential:
    """Convolution without bias, batch norm, and the activation if there is one."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["conv"] = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    parts["norm"] = nn.BatchNorm2d(out, eps=EPS, momentum=MOMENTUM)
    if act is not None:
        parts["act"] = act
    return nn.Sequential(parts)


class Excite(nn.Module):
    """Squeeze and excitation: float32[N, c, h, w] -> the same shape, each channel times a factor of 0..1."""

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeeze, 1)
        self.act = nn.ReLU()
        self.restore = nn.Conv2d(squeeze, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        factor: Tensor = self.gate(self.restore(self.act(self.reduce(self.pool(x)))))
        return x * factor


class Block(nn.Module):
    """Inverted residual: float32[N, channels, h, w] -> float32[N, out, ceil(h / stride), ceil(w / stride)].

    A block that widens nothing has no expansion; one that keeps the shape adds its input.
    """

    def __init__(self, channels: int, spec: BlockSpec) -> None:
        super().__init__()
        inner, kind = spec.inner, nn.Hardswish if spec.swish else nn.ReLU
        self.expand = nn.Identity() if inner == channels else _layer(channels, inner, act=kind())
        self.depthwise = _layer(inner, inner, spec.kernel, spec.stride, inner, kind())
        self.excite = Excite(inner, spec.squeeze) if spec.squeeze else nn.Identity()
        self.project = _layer(inner, spec.out)
        self.skip = spec.stride == 1 and channels == spec.out

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y: Tensor = self.project(self.excite(self.depthwise(self.expand(x))))
        return x + y if self.skip else y


class EeeaTrunk(nn.Module):
    """Stem, blocks and the last convolution, which both variants have.

    features: image float32[N, channels, H, W], normalised -> float32[N, 960, ceil(H / 32), ceil(W / 32)]. Of the trunk
    alone forward is the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = _layer(channels, STEM, 3, 2, act=nn.Hardswish())
        widths = (STEM, *(spec.out for spec in BLOCKS))
        self.blocks = nn.Sequential(*(Block(width, spec) for width, spec in zip(widths, BLOCKS, strict=False)))
        self.last = _layer(widths[-1], LAST, act=nn.Hardswish())

    def features(self, image: Tensor) -> Tensor:
        """See the class."""
        feats: Tensor = self.last(self.blocks(self.stem(image)))
        return feats

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        return self.features(image)


class EeeaNetC2(EeeaTrunk):
    """forward: image float32[N, channels, H, W], normalised -> logits float32[N, outputs].

    4,732,838 parameters for 3 channels and 14 outputs; 289.9 million multiplications at 224 x 224.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.hidden = nn.Sequential(
            OrderedDict[str, nn.Module](conv=nn.Conv2d(LAST, HIDDEN, 1, bias=False), act=nn.Hardswish())
        )
        self.classifier = nn.Linear(HIDDEN, outputs)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.classifier(self.hidden(self.pool(self.features(image))).flatten(1))
        return logits


class EeeaNetC2Exact(EeeaTrunk):
    """The same without the layer of 1280: logits are linear in the pooled map, so that class maps are exact.

    forward: image float32[N, channels, H, W], normalised -> logits float32[N, outputs]. Not in the paper: ours.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(LAST, outputs)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.classifier(self.pool(self.features(image)).flatten(1))
        return logits


def gradient_parts(channels: int) -> Parts:
    """Of a student that computes as ``EeeaNetC2``, with Grad-CAM at the map of 960 (where the paper took it is not
    known). The layer of 1280 stands before the pooling, with which it commutes: on every place of the map, as Grad-CAM
    needs it anyway, and where INT8 covers it."""
    return Parts(Hidden(EeeaTrunk(channels), nn.Conv2d(LAST, HIDDEN, 1, bias=False)), HIDDEN, hardswish_head)


def exact_parts(channels: int) -> Parts:
    """Of a student that computes as ``EeeaNetC2Exact``, with exact maps."""
    return Parts(EeeaTrunk(channels), LAST)
