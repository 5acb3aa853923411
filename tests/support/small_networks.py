"""Small backbones for what the tiny student does not have. Import inside tests, as it imports torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from cxredge.students.backbone_student import BackboneStudent
from support.tiny_student import LABELS, settled

WIDTH = 16
FEATURES = 32


def layer(inside: int, outside: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch norm and ReLU."""
    conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU())


class Moving(nn.Module):
    """A convolution, what ``move`` makes of its output, and a convolution that reads it."""

    def __init__(self, move: Callable[[Moving, Tensor], Tensor]) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, WIDTH, 3, 4, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU())
        self.part = layer(WIDTH // 2, WIDTH // 2, 3)
        self.move = move
        self.last = layer(WIDTH, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.move(self, self.stem(x)))


def _shuffle(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def _parts(net: Moving, x: Tensor) -> Tensor:
    """Every way to take channels apart and put them together, parts of other scales among them."""
    a, b = x.chunk(2, 1)
    x = _shuffle(torch.cat([a, net.part(b)], 1))
    a, b = x.split([4, 12], 1)
    x = torch.cat([b[:, -100:8] * 0.1, 5 * a, x.narrow(1, 3, 4)], 1)
    a, b = x.view(-1, 2, WIDTH // 2, 12, 12).unbind(1)
    c = x.view(-1, WIDTH // 2, 2, 12, 12).select(2, -1)
    return torch.cat([a + b, c], 1)[:, :WIDTH]


MOVES: dict[str, Callable[[Moving, Tensor], Tensor]] = {
    "slice": lambda net, x: torch.cat([net.part(x[:, :8]), x[:, 8:]], 1),
    "shortcut": lambda net, x: torch.cat([net.part(x[:, :8]) + x[:, 8:], x[:, 4:12]], 1),
    "window": lambda net, x: torch.cat([net.part(x[:, :8]), x[:, 8:]], 1)[:, :, 1:-1, 2:],
    "pool": lambda net, x: functional.max_pool2d(torch.cat([net.part(x[:, :8]), x[:, 8:]], 1), 2),
    "parts": _parts,
    "steps": lambda net, x: torch.cat([net.part(x[:, :8, ::2, ::2]), x[:, 8:, 1::2, 1::2]], 1),
}


def moving_student(move: str) -> BackboneStudent:
    torch.manual_seed(0)
    return settled(BackboneStudent(Moving(MOVES[move]), FEATURES, len(LABELS), 4))


class Doubled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return 2 * torch.tanh(weight)


class OwnKernel(nn.Module):
    """Computes its kernel in ``forward``, beside a module that it calls."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(WIDTH, WIDTH, 3, 3))
        self.after = layer(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        length = self.kernel.flatten(1).norm(dim=1)[:, None, None, None]
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.after(functional.conv2d(x, self.kernel / length, padding=1))


class Computed(nn.Module):
    """A layer for every way in which a kernel may depend on parameters."""

    def __init__(self) -> None:
        from timm.layers import ScaledStdConv2d

        super().__init__()
        self.stem = nn.utils.weight_norm(nn.Conv2d(1, WIDTH, 3, 4, 1))
        self.depthwise = weight_norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH))
        self.wide = spectral_norm(nn.Conv2d(WIDTH, FEATURES, 1))
        self.standardised = ScaledStdConv2d(FEATURES, WIDTH, 3, padding=1)
        self.any = nn.Conv2d(WIDTH, WIDTH, 1)
        parametrize.register_parametrization(self.any, "weight", Doubled())
        self.own = OwnKernel()
        self.up = weight_norm(nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2), dim=1)
        self.row = nn.utils.weight_norm(nn.Conv1d(WIDTH, WIDTH, 3, padding=1))
        self.mixing = weight_norm(nn.Linear(WIDTH, WIDTH))
        self.last = nn.utils.spectral_norm(nn.Conv2d(WIDTH, FEATURES, 1))

    def forward(self, x: Tensor) -> Tensor:
        for part in (self.stem, self.depthwise, self.wide, self.standardised):
            x = torch.relu(part(x))
        x = torch.relu(self.any(torch.relu(self.any(x)))) + x
        x = torch.relu(self.up(self.own(x)))
        n, c, h, w = x.shape
        x = torch.relu(self.row(x.flatten(2))).view(n, c, h, w)
        x = torch.relu(self.mixing(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return torch.relu(self.last(x))


PLAIN = {
    "stem": nn.Conv2d,
    "depthwise": nn.Conv2d,
    "wide": nn.Conv2d,
    "standardised": nn.Conv2d,
    "any": nn.Conv2d,
    "own.conv2d_0": nn.Conv2d,
    "up": nn.ConvTranspose2d,
    "row": nn.Conv1d,
    "mixing": nn.Linear,
    "last": nn.Conv2d,
}
"""The layers of ``Computed`` once their kernels are plain."""


def computed_student() -> BackboneStudent:
    torch.manual_seed(0)
    return settled(BackboneStudent(Computed(), FEATURES, len(LABELS), 4))


class Tangled(nn.Module):
    """Takes two tensors, so that no plain layer can stand for it; the kernel of its convolution is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(WIDTH, WIDTH, 3, 3) / 10)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return functional.conv2d(x, self.kernel.tanh(), padding=1) + y


class Around(nn.Module):
    """A plain layer's case, and two that are not: one module gets two tensors, another one tensor twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = weight_norm(nn.Conv2d(1, WIDTH, 3, 4, 1))
        self.two, self.twice = Tangled(), Tangled()
        self.last = layer(WIDTH, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.two(x, x.relu())
        return self.last(self.twice(x, x))


def tangled_student() -> BackboneStudent:
    torch.manual_seed(0)
    return settled(BackboneStudent(Around(), FEATURES, len(LABELS), 4))


class Twice(nn.Module):
    """One layer in two places, and two layers with one kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, WIDTH, 3, 4, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU())
        self.again = layer(WIDTH, WIDTH, 3)
        self.one, self.other = nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.other.weight = self.one.weight
        self.last = layer(WIDTH, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.again(self.stem(x)))
        return self.last(torch.relu(self.other(torch.relu(self.one(x)))))


def twice_student() -> BackboneStudent:
    torch.manual_seed(0)
    return settled(BackboneStudent(Twice(), FEATURES, len(LABELS), 4))


class Features(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.net.forward_features(x)  # type: ignore[operator]
        return found


def norm_free_student() -> BackboneStudent:
    """A norm-free network of timm's (NFNet) with squeeze-excite and pooled shortcuts, a few channels wide."""
    from timm.models.nfnet import NfCfg, NormFreeNet

    torch.manual_seed(0)
    shape = {"depths": (1, 2), "channels": (16, 32), "stem_chs": 8, "num_features": 48, "group_size": 8}
    squeeze = {"attn_layer": "se", "attn_kwargs": {"rd_ratio": 0.5}}
    net = NormFreeNet(
        NfCfg(**shape, **squeeze, stem_type="3x3", bottle_ratio=0.5, extra_conv=True, act_layer="silu"),
        in_chans=1,
        num_classes=0,
    )
    return settled(BackboneStudent(Features(net), 48, len(LABELS), 4))


def squeezed_student() -> BackboneStudent:
    """Two blocks of EEEA-Net-C2 (squeeze and excitation, h-swish) and its head: what its students are made of."""
    from cxredge.students.eeea_net_c2 import Block, BlockSpec
    from cxredge.students.heads import Hidden, hardswish_head

    torch.manual_seed(0)
    stem = nn.Sequential(nn.Conv2d(1, WIDTH, 3, 4, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.Hardswish())
    blocks = [Block(WIDTH, BlockSpec(48, 24, 5, 1, 16, True)), Block(24, BlockSpec(48, 24, 3, 1, 16, True))]
    last = nn.Sequential(nn.Conv2d(24, 48, 1, bias=False), nn.BatchNorm2d(48), nn.Hardswish())
    hidden = nn.Conv2d(48, 64, 1, bias=False)
    with torch.no_grad():
        hidden.weight.mul_(6)  # so that h-swish is met in all its parts
    net = Hidden(nn.Sequential(stem, *blocks, last), hidden)
    return settled(BackboneStudent(net, 64, len(LABELS), 4, head=hardswish_head))
