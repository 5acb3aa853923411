"""Heads of every kind: where a network is divided, what its maps are, and that it says the same afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cxredge.importing.division import Divided, divide
from cxredge.importing.exporting import export
from cxredge.importing.making import _Normalised
from cxredge.recipe_student import Heatmap, Normalise
from cxredge.students.composed import ComposedStudent
from cxredge.students.normalisation import Normalisation
from cxredge.students.program_file import program_bytes, read_program
from cxredge.students.program_student import ProgramStudent

WIDTH, CLASSES, SIDE = 6, 3, 16


def body() -> nn.Sequential:
    """float32[N, 1, 16, 16] -> float32[N, 6, 8, 8]."""
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 3, 2, 1), nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
    )


class Net(nn.Module):
    """A body and a head, which reads float32[N, 6, 8, 8]."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body(), head

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.body(x))
        return found


class Head(nn.Module):
    """A head that is a function of the features and of layers."""

    def __init__(self, do: Callable[[nn.ModuleDict, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.do, self.layers = do, nn.ModuleDict(layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.do(self.layers, x)


def pooled(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *layers)


def fc(inside: int = WIDTH, outside: int = CLASSES) -> nn.Linear:
    return nn.Linear(inside, outside)


def attention(layers: nn.ModuleDict, x: Tensor) -> Tensor:
    share = torch.softmax(layers["score"](x).flatten(2), -1)
    found: Tensor = layers["fc"]((x.flatten(2) * share).sum(-1))
    return found


def gem(layers: nn.ModuleDict, x: Tensor) -> Tensor:
    found: Tensor = layers["fc"](functional.adaptive_avg_pool2d(x.clamp(min=1e-6).pow(3), 1).pow(1 / 3).flatten(1))
    return found


def both(layers: nn.ModuleDict, x: Tensor) -> Tensor:
    found: Tensor = layers["fc"](torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
    return found


def twice(layers: nn.ModuleDict, x: Tensor) -> Tensor:
    x = x.mean((2, 3))
    found: Tensor = (layers["one"](x) + layers["other"](x)) / 2
    return found


def turned(layers: nn.ModuleDict, x: Tensor) -> Tensor:
    x = layers["norm"](x.mean((2, 3), keepdim=True).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    found: Tensor = layers["fc"](x.flatten(1))
    return found


class Temperature(nn.Module):
    """A learnt temperature and a shift behind a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.temperature, self.shift = fc(), nn.Parameter(torch.tensor(1.7)), nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.fc(x.mean((2, 3))) / self.temperature * 3 + self.shift - 0.5
        return found


class ComputedNorm(nn.Module):
    """A batch norm whose factors are computed from its parameters, so that no part of the file is them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc = nn.BatchNorm1d(WIDTH), fc()

    def forward(self, x: Tensor) -> Tensor:
        norm, pooled_x = self.norm, x.mean((2, 3))
        factors = norm.weight * 2
        found: Tensor = self.fc(
            functional.batch_norm(pooled_x, norm.running_mean, norm.running_var, factors, norm.bias)
        )
        return found


class Written(nn.Module):
    """A mask that is written in parts, as windows of attention have it; in the body, or in the head."""

    def __init__(self, late: bool) -> None:
        super().__init__()
        self.conv, self.fc, self.late = nn.Conv2d(WIDTH, WIDTH, 1), fc(), late

    def mask(self, x: Tensor) -> Tensor:
        found = x.new_zeros(x.shape[1:])
        found[..., :3] = 2
        found[2:] = 1
        return x * found

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.mask(x)).mean((2, 3))
        found: Tensor = self.fc(self.mask(x.tanh()) if self.late else x)
        return found


@dataclass(frozen=True)
class Case:
    make: Callable[[], nn.Module]
    kind: Heatmap
    features: int | None = WIDTH


CASES: dict[str, Case] = {
    "mean": Case(lambda: Head(lambda m, x: m["fc"](x.mean((2, 3))), fc=fc()), "exact"),
    "mean-twice": Case(lambda: Head(lambda m, x: m["fc"](x.mean([-1, -2], keepdim=True).flatten(1)), fc=fc()), "exact"),
    "mean-flat": Case(lambda: Head(lambda m, x: m["fc"](x.flatten(2).mean(-1)), fc=fc()), "exact"),
    "pool": Case(lambda: pooled(nn.Dropout(0.5), fc()), "exact"),
    "window": Case(lambda: nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), fc()), "exact"),
    "no-bias": Case(lambda: pooled(nn.Linear(WIDTH, CLASSES, bias=False)), "exact"),
    "one-logit": Case(lambda: pooled(fc(outside=1)), "exact"),
    "batch-norm": Case(lambda: pooled(nn.BatchNorm1d(WIDTH), nn.Dropout(), fc()), "exact"),
    "batch-norm-last": Case(lambda: pooled(fc(), nn.BatchNorm1d(CLASSES, affine=False)), "exact"),
    "batch-norm-computed": Case(ComputedNorm, "none"),
    "two-linear": Case(lambda: pooled(fc(outside=4), nn.Dropout(), fc(4)), "exact"),
    "conv": Case(lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(WIDTH, CLASSES, 1), nn.Flatten()), "exact"),
    "temperature": Case(Temperature, "exact"),
    "relu": Case(lambda: pooled(fc(outside=5), nn.ReLU(inplace=True), fc(5)), "gradient", 5),
    "silu": Case(lambda: pooled(fc(outside=5), nn.SiLU(), nn.Dropout(), fc(5)), "gradient", 5),
    "relu6": Case(lambda: pooled(fc(outside=5), nn.ReLU6(), fc(5)), "gradient", 5),
    "conv-hardswish": Case(
        lambda: nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(WIDTH, 5, 1), nn.Hardswish(inplace=True), nn.Flatten(), fc(5)
        ),
        "gradient",
        5,
    ),
    "three": Case(
        lambda: pooled(fc(outside=5), nn.BatchNorm1d(5), nn.ReLU(), fc(5, 4), nn.Hardswish(), fc(4)), "gradient", 5
    ),
    "activation-first": Case(lambda: pooled(nn.SiLU(), fc()), "gradient"),
    "maps": Case(
        lambda: nn.Sequential(
            nn.Dropout(), nn.Conv2d(WIDTH, CLASSES, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ),
        "exact",
    ),
    "maps-mean": Case(lambda: Head(lambda m, x: m["conv"](x).mean((2, 3)), conv=nn.Conv2d(WIDTH, CLASSES, 3)), "exact"),
    "dense": Case(lambda: nn.Sequential(nn.Flatten(), nn.Linear(WIDTH * 64, 10), nn.ReLU(), fc(10)), "none", 10),
    "dense-one": Case(lambda: nn.Sequential(nn.Flatten(), nn.Linear(WIDTH * 64, CLASSES)), "none", WIDTH * 64),
    "gem": Case(lambda: Head(gem, fc=fc()), "none"),
    "max": Case(lambda: nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), fc()), "none"),
    "both": Case(lambda: Head(both, fc=fc(2 * WIDTH)), "none", 2 * WIDTH),
    "attention": Case(lambda: Head(attention, score=nn.Conv2d(WIDTH, 1, 1), fc=fc()), "none"),
    "two-heads": Case(lambda: Head(twice, one=fc(), other=fc()), "none"),
    "tanh": Case(lambda: pooled(fc(outside=5), nn.Tanh(), fc(5)), "none", 5),
    "groups": Case(
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(WIDTH, 3, 1, groups=3), nn.Flatten()), "none"
    ),
    "written": Case(lambda: Written(False), "exact"),
    "written-late": Case(lambda: Written(True), "none"),
    "pool-2": Case(lambda: nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), fc(4 * WIDTH)), "none", 4 * WIDTH),
}
ENDS: dict[str, tuple[Callable[[], nn.Module], str, Callable[[Tensor], Tensor]]] = {
    "sigmoid": (nn.Sigmoid, "sigmoid", torch.logit),
    "softmax": (lambda: nn.Softmax(1), "softmax", torch.log),
    "softmax-last": (lambda: nn.Softmax(-1), "softmax", torch.log),
    "log-softmax": (lambda: nn.LogSoftmax(1), "log-softmax", lambda z: z),
}


def made(head: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    net = Net(head)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    return net.eval().requires_grad_(False)


def divided_of(net: nn.Module) -> Divided:
    data = export(net, torch.zeros(2, 1, SIDE, SIDE))
    return divide(read_program(data, "it").exported, 0)


def student_of(found: Divided) -> tuple[ComposedStudent, ProgramStudent]:
    """As it is composed, and read back from its file."""
    composed = ComposedStudent(Normalisation(Normalise()), found.backbone, found.head, None).eval()
    data = export(_Normalised(composed).eval(), torch.zeros(2, 1, SIDE, SIDE))
    names = ("logits",) if found.heatmap == "none" else ("logits", "cam")
    return composed, ProgramStudent(Normalise(), read_program(data, "it"), names).eval()


def images(count: int = 5) -> Tensor:
    torch.manual_seed(3)
    return torch.rand(count, 1, SIDE, SIDE) * 255


VARIANTS = {
    "mean-twice",
    "window",
    "no-bias",
    "one-logit",
    "batch-norm-last",
    "silu",
    "relu6",
    "activation-first",
    "tanh",
    "groups",
    "pool-2",
    "maps-mean",
    "dense-one",
    "both",
}
"""Near relatives of others."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in VARIANTS else name for name in CASES]
)
@torch.no_grad()
def test_heads(name: str) -> None:
    case = CASES[name]
    net = made(case.make())
    found = divided_of(net)
    assert (found.heatmap, found.probability, found.features) == (case.kind, None, case.features)
    composed, back = student_of(found)
    for count in (1, 5):
        image = images(count)
        wanted, one, other = net(image / 255), composed(image), back(image)
        torch.testing.assert_close(one["logits"], wanted, rtol=1e-5, atol=1e-5)
        assert one.keys() == other.keys() == ({"logits"} if case.kind == "none" else {"logits", "cam"})
        for key, tensor in one.items():
            torch.testing.assert_close(other[key], tensor, rtol=0, atol=0)
        if case.kind != "none":
            assert one["cam"].shape[:2] == wanted.shape
            assert one["cam"].shape[2:] in ((8, 8), (6, 6))
        if case.kind == "exact":
            torch.testing.assert_close(one["cam"].mean((2, 3)), one["logits"], rtol=1e-5, atol=1e-5)
    assert {key.split(".")[0] for key in back.state_dict()} <= {"backbone", "head"}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.kind == "gradient"])
def test_gradient_maps_are_autograds(name: str) -> None:
    net = made(CASES[name].make())
    found = divided_of(net)
    composed = ComposedStudent(Normalisation(Normalise()), found.backbone, found.head, None).eval()
    image = images()
    assert isinstance(net, Net)
    kept: list[Tensor] = []
    features = net.body(image / 255).requires_grad_()

    def keep(module: nn.Module, given: tuple[Tensor, ...], mean: Tensor) -> Tensor:
        kept.append(mean.detach().requires_grad_())
        return kept[-1]

    pool = next(module for module in net.head.modules() if isinstance(module, nn.AdaptiveAvgPool2d))
    hook = pool.register_forward_hook(keep)
    logits = net.head(features)
    hook.remove()
    for label in range(CLASSES):
        (slope,) = torch.autograd.grad(logits[:, label].sum(), kept[0], retain_graph=True)
        wanted = (slope * features).sum(1)
        with torch.no_grad():
            assert float((composed(image)["cam"][:, label] - wanted).abs().max()) <= 1e-5
        assert float(wanted.abs().max()) > 1e-3


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ["mean", "gem"])
@torch.no_grad()
def test_probabilities_are_taken_off(end: str, name: str) -> None:
    layer, said, back = ENDS[end]
    net = made(nn.Sequential(CASES[name].make(), layer()))
    found = divided_of(net)
    assert (found.probability, found.heatmap) == (said, CASES[name].kind)
    logits = student_of(found)[1](images())["logits"]
    wanted = back(net(images() / 255))
    if said != "sigmoid":  # defined up to a shift
        logits, wanted = logits - logits[:, :1], wanted - wanted[:, :1]
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_softmax_over_images_stays() -> None:
    """It is no probability of classes."""
    net = made(nn.Sequential(CASES["mean"].make(), nn.Softmax(0)))
    assert divided_of(net).probability is None


@pytest.mark.parametrize("end", [None, "log-softmax"])
@torch.no_grad()
def test_a_decomposed_program_has_the_same_head(end: str | None) -> None:
    """A linear layer as addmm, a convolution and a batch norm as their core operators: all are layers again."""
    head = pooled(nn.BatchNorm1d(WIDTH), fc())
    net = made(nn.Sequential(head, ENDS[end][0]()) if end else head)
    image = (torch.zeros(2, 1, SIDE, SIDE),)
    program = torch.export.export(net, image, dynamic_shapes=({0: torch.export.Dim.AUTO},)).run_decompositions()
    assert {"addmm", "convolution", "_native_batch_norm_legit_no_training"} <= {
        str(node.target).split(".")[1] for node in program.graph.nodes if "aten" in str(node.target)
    }
    found = divide(read_program(program_bytes(program), "it").exported, 0)
    assert (found.heatmap, found.probability) == ("exact", ENDS[end][1] if end else None)
    logits, wanted = student_of(found)[1](images())["logits"], net(images() / 255)
    wanted = ENDS[end][2](wanted) if end else wanted
    if end and end != "sigmoid":
        logits, wanted = logits - logits[:, :1], wanted - wanted[:, :1]
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)
    assert sum(isinstance(part, nn.Conv2d | nn.BatchNorm2d) for part in found.backbone.modules()) == 3


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (lambda: pooled(nn.LayerNorm(WIDTH), fc()), "behind the mean stands layer_norm, which has no map here"),
        (lambda: Head(turned, norm=nn.LayerNorm(WIDTH), fc=fc()), "behind the mean stands layer_norm, which"),
        (lambda: Head(twice, one=fc(), other=fc()), "behind the mean the network branches"),
        (lambda: Head(gem, fc=fc()), "behind the mean stands pow, which has no map here"),
        (lambda: Head(both, fc=fc(2 * WIDTH)), "the network does not end in a global mean and layers behind it"),
    ],
)
def test_why_there_is_no_map(head: Callable[[], nn.Module], words: str) -> None:
    found = divided_of(made(head()))
    assert (found.heatmap, found.why.startswith(words)) == ("none", True), found.why


def test_a_sigmoid_within_the_head_stays() -> None:
    net = made(pooled(fc(outside=5), nn.Sigmoid(), fc(5)))
    found = divided_of(net)
    assert (found.probability, found.heatmap) == (None, "none")


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("pool", {"conv.weight": (3, 6, 1, 1), "conv.bias": (3,)}),
        ("dense", {"linear_1.weight": (3, 10), "linear_1.bias": (3,)}),
        ("gem", {"linear.weight": (3, 6), "linear.bias": (3,)}),
    ],
)
def test_in_the_file_are_layers_and_what_is_read(name: str, head: dict[str, tuple[int, ...]]) -> None:
    """Backbone and head by their names, and nothing twice."""
    _, back = student_of(divided_of(made(CASES[name].make())))
    state = {key: tuple(tensor.shape) for key, tensor in back.state_dict().items()}
    assert {key.removeprefix("head."): shape for key, shape in state.items() if key.startswith("head.")} == head
    assert {key for key in state if key.startswith("backbone.body.")} == {
        f"backbone.body.{key}" for key in body().state_dict()
    }
    assert isinstance(back.get_submodule("backbone.body.0"), nn.Conv2d)
