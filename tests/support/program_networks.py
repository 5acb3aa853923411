"""Small networks whose programs have something of their own. Import inside tests, as it imports torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn import functional

SIDE = 16


def layer(inside: int, outside: int) -> nn.Sequential:
    """Convolution, batch norm and ReLU in place."""
    return nn.Sequential(nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class Plain(nn.Module):
    """One channel in, two logits out."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(layer(1, 4), layer(4, 8))
        self.classifier = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return found


class Shuffled(Plain):
    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        left, right = x.chunk(2, 1)
        found: Tensor = self.classifier(torch.cat([right, left], 1).mean((2, 3)))
        return found


class Squeezed(Plain):
    """Squeeze and excite; a kernel without a module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.kernel = nn.Parameter(torch.randn(8, 8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = x * torch.sigmoid(self.up(functional.silu(self.down(functional.adaptive_avg_pool2d(x, 1)))))
        found: Tensor = self.classifier(functional.conv2d(x, self.kernel).mean((2, 3)))
        return found


class Constants(Plain):
    """A buffer, one that is not in the state dict, and a tensor that forward makes."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.rand(1, 8, 1, 1))
        self.register_buffer("shift", torch.rand(8), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = (self.features(x) * self.scale).mean((2, 3)) + self.shift
        found: Tensor = self.classifier(x + torch.tensor([0.5]))
        return found


class Shared(Plain):
    """One module called twice, and two with one kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.again, self.one, self.other = layer(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.other.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.again(self.features(x)))
        found: Tensor = self.classifier(self.other(self.one(x.mean((2, 3)))))
        return found


class Sized(nn.Module):
    """Computes with the size of its image, which a program has as a number."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = torch.relu(self.conv(x)) / x.shape[-1]
        return found


class Resized(Plain):
    """Parts that are called together for two sizes, and one of them once more alone."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.Sequential(Sized(), Sized())

    def forward(self, x: Tensor) -> Tensor:
        x = self.deep(functional.max_pool2d(self.deep(self.features(x)), 2))
        found: Tensor = self.classifier(self.deep[1](x).mean((2, 3)))
        return found


class InPlace(Plain):
    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x += 1
        x.mul_(0.5).clamp_(0, 4)
        found: Tensor = self.classifier(x.mean((2, 3)))
        return found.sub_(1)


class Several(Plain):
    """Answers in a tuple, the logits last."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        x = self.features(x)
        pooled = x.mean((2, 3))
        return pooled, self.classifier(pooled)


class Row(nn.Sequential):
    """Parts whose names are numbers, and one with a sign in it."""

    def __init__(self) -> None:
        super().__init__(layer(1, 4), layer(4, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.add_module("last-one", nn.Linear(8, 2))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    made.__name__.lower(): made
    for made in (Plain, Shuffled, Squeezed, Constants, Shared, Resized, InPlace, Several, Row)
}


def network(kind: str) -> nn.Module:
    """One of ``NETWORKS`` with random weights and batch statistics, in evaluation."""
    torch.manual_seed(0)
    made = NETWORKS[kind]()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return made.eval().requires_grad_(False)


def exported(net: nn.Module, channels: int = 1, side: int = SIDE) -> ExportedProgram:
    """For any number of images."""
    image = torch.zeros(2, channels, side, side)
    return torch.export.export(net, (image,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
