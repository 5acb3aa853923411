"""Small backbones, one for each structure that published students have, as their authors write them.

Each is a stem, the structure, and a pointwise layer behind it. Import inside tests, as it imports torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from cxredge.students.backbone_student import BackboneStudent
from support.tiny_student import settled

WIDTH = 16
FEATURES = 32
EACH, SIDE = 8, 24


def conv_bn(inside: int, outside: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside))


def layer(inside: int, outside: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(*conv_bn(inside, outside, kernel, stride, groups), nn.ReLU())


class Around(nn.Module):
    """float32[N, 1, 48, 48] -> stem -> float32[N, 16, 12, 12] -> part -> pointwise layer."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.stem = layer(1, WIDTH, 3, 4)
        self.part = part
        with torch.no_grad():
            made = part.eval()(torch.zeros(2, WIDTH, 12, 12)).shape[1]
        part.train()
        self.last = layer(made, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.part(self.stem(x)))


class Written(nn.Module):
    """A module whose ``forward`` is one function of the modules in it."""

    def __init__(self, forward: Callable[[nn.Module, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


# attention over channels


class SqueezeMean(nn.Module):
    """timm's: a mean that keeps its dimensions, and convolutions."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(WIDTH, 8, 1), nn.Conv2d(8, WIDTH, 1)
        self.act, self.gate = nn.ReLU(inplace=True), gate

    def forward(self, x: Tensor) -> Tensor:
        scale = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.expand(self.act(self.reduce(scale))))


class SqueezeLinear(nn.Module):
    """The original: adaptive pooling, linear layers, ``expand_as``."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(nn.Linear(WIDTH, 8), nn.ReLU(inplace=True), nn.Linear(8, WIDTH), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, _ = x.shape
        scale = self.fc(self.pool(x).view(n, c)).view(n, c, 1, 1)
        return x * scale.expand_as(x)


class EfficientChannel(nn.Module):
    """ECA: a 1-D convolution along the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = x.mean((2, 3)).view(x.shape[0], 1, -1)
        y = self.conv(y).view(x.shape[0], -1, 1, 1).sigmoid()
        return x * y.expand_as(x)


# norms


class LayerNorm2d(nn.LayerNorm):
    """timm's: over channels, by turning the tensor around."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class LayerNormFirst(nn.Module):
    """ConvNeXt's own for channels first: mean and square written out."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(WIDTH)), nn.Parameter(torch.zeros(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class GlobalResponse(nn.Module):
    """ConvNeXt V2's, on channels last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.randn(1, 1, 1, width) / 4)
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        spread = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        scale = spread / (spread.mean(dim=-1, keepdim=True) + 1e-6)
        return self.gamma * (x * scale) + self.beta + x


class ConvNeXtBlock(nn.Module):
    """Depthwise 7 x 7, LayerNorm and linear layers on channels last, layer scale, shortcut."""

    def __init__(self, response: bool = False) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(WIDTH, WIDTH, 7, padding=3, groups=WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.pwconv1, self.act = nn.Linear(WIDTH, 4 * WIDTH), nn.GELU()
        self.grn = GlobalResponse(4 * WIDTH) if response else nn.Identity()
        self.pwconv2 = nn.Linear(4 * WIDTH, WIDTH)
        self.gamma = nn.Parameter(torch.full((WIDTH,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(self.grn(self.act(self.pwconv1(y))))
        return x + y.permute(0, 3, 1, 2)


class DenseLayers(nn.Module):
    """DenseNet: batch norm and ReLU before each convolution, everything concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(inplace=True), nn.Conv2d(c, 8, 3, padding=1, bias=False))
            for c in (16, 24)
        )
        self.norm = nn.BatchNorm2d(32)

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for one in self.layers:
            features.append(one(torch.cat(features, 1)))
        return torch.relu_(self.norm(torch.cat(features, 1)))


# joining and parting


def shuffle(x: Tensor) -> Tensor:
    n, c, h, w = x.size()
    x = x.view(n, 2, c // 2, h, w)
    return torch.transpose(x, 1, 2).contiguous().view(n, -1, h, w)


class ShuffleUnit(nn.Module):
    """ShuffleNetV2's: chunk, one half through a branch, concatenate, shuffle."""

    def __init__(self) -> None:
        super().__init__()
        half = WIDTH // 2
        self.branch2 = nn.Sequential(*layer(half, half), *conv_bn(half, half, 3, 1, half), *layer(half, half))

    def forward(self, x: Tensor) -> Tensor:
        x1, x2 = x.chunk(2, dim=1)
        return shuffle(torch.cat((x1, self.branch2(x2)), dim=1))


class Ghost(nn.Module):
    """GhostNet: half of the channels made cheaply, and the rest cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.primary, self.cheap = layer(WIDTH, 12), layer(12, 12, 3, 1, 12)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.primary(x)
        return torch.cat([x1, self.cheap(x1)], dim=1)[:, :20, :, :]


class Res2(nn.Module):
    """Res2Net: split in four, each part added to the next one's input."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(layer(4, 4, 3) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split(x, 4, 1)
        made = [parts[0]]
        for part, conv in zip(parts[1:], self.convs, strict=True):
            made.append(conv(part + made[-1]))
        return torch.cat(made, 1)


class Focus(nn.Module):
    """YOLO's stem: four strided slices."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = layer(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]]
        return self.conv(torch.cat(parts, 1))


# padding


class Same(nn.Conv2d):
    """TensorFlow's "same": computed in ``forward``, and more on the right and lower side."""

    def forward(self, x: Tensor) -> Tensor:
        pads = []
        for size, kernel, stride in zip(reversed(x.shape[-2:]), self.kernel_size[::-1], self.stride[::-1], strict=True):
            pad = max((-(size // -stride) - 1) * stride + kernel - size, 0)
            pads += [pad // 2, pad - pad // 2]
        return functional.conv2d(functional.pad(x, pads), self.weight, self.bias, self.stride, 0, 1, self.groups)


# kernels


class Standardised(nn.Conv2d):
    """Weight standardisation as in BiT."""

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, dim=[1, 2, 3], keepdim=True, unbiased=False)
        weight = (self.weight - mean) / torch.sqrt(variance + 1e-10)
        return functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Scaled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight * 0.5


def parametrized() -> nn.Module:
    conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
    parametrize.register_parametrization(conv, "weight", Scaled())
    return conv


class RepVGG(nn.Module):
    """Three branches and a ReLU, as trained."""

    def __init__(self, groups: int = 1) -> None:
        super().__init__()
        self.rbr_identity = nn.BatchNorm2d(WIDTH)
        self.rbr_dense = conv_bn(WIDTH, WIDTH, 3, groups=groups)
        self.rbr_1x1 = conv_bn(WIDTH, WIDTH, 1, groups=groups)
        self.nonlinearity = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.nonlinearity(self.rbr_dense(inputs) + self.rbr_1x1(inputs) + self.rbr_identity(inputs))


class MobileOne(nn.Module):
    """Several depthwise branches summed in a loop that begins with 0."""

    def __init__(self) -> None:
        super().__init__()
        self.rbr_skip = nn.BatchNorm2d(WIDTH)
        self.rbr_scale = conv_bn(WIDTH, WIDTH, 1, groups=WIDTH)
        self.rbr_conv = nn.ModuleList(conv_bn(WIDTH, WIDTH, 3, groups=WIDTH) for _ in range(3))
        self.se, self.activation = SqueezeMean(nn.Sigmoid()), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out = self.rbr_scale(x) + self.rbr_skip(x)
        rest = 0
        for branch in self.rbr_conv:
            rest = rest + branch(x)
        out += rest
        return self.activation(self.se(out))


# constants, sharing, in-place


class Constants(nn.Module):
    """A table added at every place, a buffer multiplied with, and a tensor made in ``forward``."""

    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = layer(WIDTH, WIDTH, 3)
        self.position = nn.Parameter(torch.randn(1, WIDTH, 12, 12) / 4)
        self.register_buffer("table", torch.linspace(0.5, 1.5, WIDTH).view(1, WIDTH, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.linspace(-1, 1, x.shape[2]).view(1, 1, -1, 1)
        return self.conv((x + self.position) * self.table - 0.25 + rows)


class CoordConv(nn.Module):
    """Row and column numbers beside the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = layer(WIDTH + 2, WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        rows = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(n, 1, h, w)
        columns = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(n, 1, h, w)
        return self.conv(torch.cat([x, rows, columns], 1))


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = conv_bn(WIDTH, WIDTH, 3), conv_bn(WIDTH, WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x).relu_()
        y = self.other(y)
        y += x
        y.mul_(0.5).add_(0.1)
        y.clamp_(0, 4)
        return functional.relu6(y.sub_(0.05), inplace=True)


class WrittenInto(nn.Module):
    """A part of a tensor that is overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = layer(WIDTH // 2, WIDTH // 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[:, : WIDTH // 2] = self.conv(x[:, : WIDTH // 2])
        return y


class TemporalShift(nn.Module):
    """Channels rolled by a cell, the rest left."""

    def forward(self, x: Tensor) -> Tensor:
        out = torch.zeros_like(x)
        out[:, :4, 1:] = x[:, :4, :-1]
        out[:, 4:8, :-1] = x[:, 4:8, 1:]
        out[:, 8:] = x[:, 8:]
        return out


class Shared(nn.Module):
    """One layer and one norm called twice, on tensors of two sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = layer(WIDTH, WIDTH, 3)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.conv(x))
        return self.conv(self.pool(x))


class Attention(nn.Module):
    """One head of attention over all places."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Conv2d(WIDTH, 3 * WIDTH, 1), nn.Conv2d(WIDTH, WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        q, k, v = self.qkv(x).flatten(2).chunk(3, 1)
        weights = (q.transpose(1, 2) @ k * c**-0.5).softmax(-1)
        return x + self.proj((v @ weights.transpose(1, 2)).view(n, c, h, w))


def behind(act: nn.Module) -> nn.Module:
    """The activation where each exporter might fuse it, and where there is nothing to fuse it with."""
    return nn.Sequential(*conv_bn(WIDTH, WIDTH, 3), act, nn.MaxPool2d(2), act)


def upsampled(x: Tensor, **given: object) -> Tensor:
    return functional.interpolate(x, **given)  # type: ignore[arg-type]


def written(forward: Callable[[Tensor], Tensor], outside: int = WIDTH) -> nn.Module:
    """``forward``, then a layer that reads it."""
    return Written(lambda self, x: self.conv(forward(x)), conv=layer(outside, WIDTH, 3))  # type: ignore[operator]


def _cell(x: Tensor) -> Tensor:
    a, b, c = x.split([4, 4, 8], 1)
    return torch.cat([torch.maximum(a, b) + a, c[:, 4:] - b, x.narrow(1, 2, 8)], 1)


KINDS: dict[str, Callable[[], nn.Module]] = {
    "depthwise convolution": lambda: nn.Sequential(*layer(WIDTH, WIDTH, 3, 1, WIDTH), *layer(WIDTH, 24)),
    "depthwise convolution, two filters a channel": lambda: nn.Conv2d(WIDTH, 2 * WIDTH, 3, padding=1, groups=WIDTH),
    "grouped convolution": lambda: layer(WIDTH, WIDTH, 3, 2, 4),
    "dilated convolution": lambda: nn.Conv2d(WIDTH, WIDTH, 3, padding=2, dilation=2),
    "convolutions 1 x 7 and 7 x 1": lambda: nn.Sequential(
        nn.Conv2d(WIDTH, WIDTH, (1, 7), padding=(0, 3)), nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, (7, 1), padding=(3, 0))
    ),
    "transposed convolution, 2 x 2": lambda: nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2),
    "transposed convolution, padded": lambda: nn.ConvTranspose2d(WIDTH, WIDTH, 3, 2, 1, 1),
    "squeeze-excite, mean": lambda: SqueezeMean(nn.Sigmoid()),
    "squeeze-excite, hard sigmoid": lambda: SqueezeMean(nn.Hardsigmoid()),
    "squeeze-excite, adaptive pooling and linear layers": SqueezeLinear,
    "channel attention by a 1-D convolution (ECA)": EfficientChannel,
    "hard-swish": lambda: behind(nn.Hardswish()),
    "hard-swish, written out": lambda: behind(Written(lambda _, x: x * functional.relu6(x + 3) / 6)),
    "hard sigmoid": lambda: nn.Sequential(*conv_bn(WIDTH, WIDTH, 3), nn.Hardsigmoid()),
    "SiLU": lambda: behind(nn.SiLU(inplace=True)),
    "SiLU, written out": lambda: behind(Written(lambda _, x: x * torch.sigmoid(x))),
    "GELU, exact": lambda: behind(nn.GELU()),
    "GELU, tanh": lambda: behind(nn.GELU("tanh")),
    "leaky ReLU": lambda: behind(nn.LeakyReLU(0.1)),
    "PReLU": lambda: behind(nn.PReLU(WIDTH)),
    "ELU": lambda: behind(nn.ELU()),
    "Mish": lambda: behind(nn.Mish()),
    "hard tanh": lambda: behind(nn.Hardtanh()),
    "softplus": lambda: nn.Sequential(*conv_bn(WIDTH, WIDTH, 3), nn.Softplus()),
    "tanh": lambda: nn.Sequential(*conv_bn(WIDTH, WIDTH, 3), nn.Tanh()),
    "LayerNorm2d, permuted": lambda: nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 2, 2), LayerNorm2d(WIDTH)),
    "LayerNorm2d, written out": lambda: nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 2, 2), LayerNormFirst()),
    "ConvNeXt block": ConvNeXtBlock,
    "ConvNeXt V2 block (global response norm)": lambda: ConvNeXtBlock(True),
    "GroupNorm": lambda: nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.GroupNorm(4, WIDTH), nn.ReLU()),
    "InstanceNorm": lambda: nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.InstanceNorm2d(WIDTH, affine=True)),
    "batch norm before convolution (DenseNet)": DenseLayers,
    "concatenation (Ghost)": Ghost,
    "channel shuffle": ShuffleUnit,
    "splits, chained (Res2Net)": Res2,
    "split, narrow, slices": lambda: written(_cell),
    "strided slices (focus)": Focus,
    "pixel shuffle": lambda: nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(64, 64, 1), nn.ReLU(), nn.PixelShuffle(2)),
    'padding "same", TF': lambda: nn.Sequential(Same(WIDTH, WIDTH, 3, 2), nn.ReLU(), Same(WIDTH, WIDTH, 5, 2)),
    'padding "same", PyTorch': lambda: nn.Sequential(
        nn.Conv2d(WIDTH, WIDTH, 3, padding="same"), nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 4, padding="same")
    ),
    "ZeroPad2d, one side": lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), *layer(WIDTH, WIDTH, 3, 2)),
    "reflected padding": lambda: nn.Conv2d(WIDTH, WIDTH, 3, padding=1, padding_mode="reflect"),
    "replicated padding": lambda: nn.Conv2d(WIDTH, WIDTH, 3, padding=1, padding_mode="replicate"),
    "max pooling, padded": lambda: nn.MaxPool2d(3, 2, 1),
    "max pooling, padded, of negative values": lambda: nn.Sequential(nn.BatchNorm2d(WIDTH), nn.MaxPool2d(3, 2, 1)),
    "max pooling, ceil mode": lambda: nn.MaxPool2d(3, 2, ceil_mode=True),
    "max pooling, ceil mode, padded": lambda: nn.MaxPool2d((2, 4), (2, 3), (0, 1), ceil_mode=True),
    "max pooling, written out": lambda: Written(lambda _, x: functional.max_pool2d(x, 3, 2, 1)),
    "average pooling": lambda: nn.AvgPool2d(2),
    "average pooling, padding counted": lambda: nn.AvgPool2d(3, 2, 1),
    "average pooling, padding not counted": lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average pooling, ceil mode, counted": lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    "average pooling, ceil mode, not counted": lambda: nn.AvgPool2d(5, 3, 1, ceil_mode=True, count_include_pad=False),
    "adaptive pooling to 1": lambda: Written(
        lambda self, x: x + self.fc(functional.adaptive_avg_pool2d(x, 1)),  # type: ignore[operator]
        fc=nn.Conv2d(WIDTH, WIDTH, 1),
    ),
    "adaptive pooling to 6 of 12": lambda: nn.AdaptiveAvgPool2d(6),
    "adaptive pooling to 5 of 12": lambda: nn.AdaptiveAvgPool2d(5),
    "adaptive max pooling to 6 of 12": lambda: nn.AdaptiveMaxPool2d(6),
    "bilinear upsampling by 2": lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    "bilinear upsampling by 2, corners aligned": lambda: nn.Upsample(
        scale_factor=2, mode="bilinear", align_corners=True
    ),
    "bilinear upsampling to a size": lambda: nn.UpsamplingBilinear2d((19, 17)),
    "bilinear upsampling to a size, corners not aligned": lambda: written(
        lambda x: upsampled(x, size=(19, 17), mode="bilinear", align_corners=False)
    ),
    "bilinear downsampling": lambda: written(
        lambda x: upsampled(x, scale_factor=0.5, mode="bilinear", align_corners=False)
    ),
    "nearest upsampling": lambda: nn.Upsample(scale_factor=2, mode="nearest"),
    "weight norm": lambda: nn.Sequential(weight_norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1)), nn.ReLU()),
    "a parametrization of one's own": parametrized,
    "weight standardisation": lambda: nn.Sequential(Standardised(WIDTH, WIDTH, 3, padding=1), nn.GroupNorm(4, WIDTH)),
    "RepVGG branches": RepVGG,
    "RepVGG branches in groups": lambda: RepVGG(4),
    "MobileOne branches": MobileOne,
    "shared modules": Shared,
    "constants": Constants,
    "coordinates": CoordConv,
    "in-place operators": InPlace,
    "a slice written into": WrittenInto,
    "a shift of slices": TemporalShift,
    "attention": Attention,
    "flips, rolls": lambda: written(lambda x: torch.roll(x, 1, 3) + x.flip(3)),
    "a clamp behind pooling": lambda: nn.Sequential(
        *conv_bn(WIDTH, WIDTH, 3), nn.MaxPool2d(2), written(lambda x: x.clamp(-0.3, 0.7))
    ),
}
"""The structures, by the names that ``docs/targets.md`` calls them."""


class Beside(nn.Module):
    """Several parts that read one stem, each with a layer of its own; float32[N, 8 x parts, 24, 24]."""

    def __init__(self, parts: dict[str, nn.Module]) -> None:
        super().__init__()
        self.stem = layer(1, WIDTH, 3, 4)
        self.parts, self.last = nn.ModuleDict(), nn.ModuleDict()
        for name, part in parts.items():
            self.parts[name] = part
            with torch.no_grad():
                made = part.eval()(torch.zeros(2, WIDTH, 12, 12)).shape[1]
            # not the part's name: TFLite's names leave out the dictionary
            self.last[f"{name}_last"] = layer(made, EACH)
        self.train()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        made = [self.last[f"{name}_last"](part(x)) for name, part in self.parts.items()]
        return torch.cat([functional.pad(y, (0, SIDE - y.shape[3], 0, SIDE - y.shape[2])) for y in made], 1)


def structures_student(kinds: Sequence[str]) -> BackboneStudent:
    """Class i of the student sees nothing but the i-th of ``kinds``, so that one lowering tells of each by itself."""
    torch.manual_seed(0)
    backbone = Beside({re.sub(r"\W+", "_", kind): KINDS[kind]() for kind in kinds})
    student = BackboneStudent(backbone, EACH * len(kinds), len(kinds), 4)
    with torch.no_grad():
        student.head.weight *= torch.eye(len(kinds)).repeat_interleave(EACH, 1)[:, :, None, None] * len(kinds) ** 0.5
    return settled(student)
