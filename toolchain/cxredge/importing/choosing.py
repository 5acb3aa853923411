"""The output of an original that holds the logits: found by name, run, and held against what logits are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cxredge.errors import CxrError, InputError, counted, first_line, nearest, printable


class Chosen(nn.Module):
    """A network, and the one of its outputs that is asked for. output: None where it has one, or one called logits."""

    def __init__(self, net: nn.Module, output: str | None) -> None:
        super().__init__()
        self.net = net
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        """float32[N, c, H, W] -> the output; one number a film as a column."""
        named = named_outputs(self.net(x))
        found = named[chosen_output(tuple(named), self.output)]
        check_kind(found)
        # of one film alone, squeeze() leaves no dimension
        return found.reshape(-1, 1) if found.ndim == 1 or (found.ndim == 0 and len(x) == 1) else found


def named_outputs(found: Any) -> dict[str, Tensor]:
    """Outputs by key or place: of a tensor, a sequence or a mapping of tensors. Raises InputError IMPORT-OUTPUTS."""
    if isinstance(found, Tensor):
        return {"0": found}
    if isinstance(found, Mapping):
        named = {str(key): value for key, value in found.items()}
    elif dataclasses.is_dataclass(found) and not isinstance(found, type):
        named = dict(vars(found))
    elif isinstance(found, tuple | list):
        keys = getattr(found, "_fields", range(len(found)))
        named = dict(zip(map(str, keys), found, strict=True))
    else:
        named = {"?": found}
    tensors = {key: value for key, value in named.items() if isinstance(value, Tensor)}
    if not tensors or (len(tensors) != len(named) and isinstance(found, tuple | list)):
        raise InputError(
            "IMPORT-OUTPUTS",
            f"the network answers a {type(found).__name__}, and not tensors alone",
            "write a function that returns a network whose forward gives the logits (--code)",
        )
    return tensors


def chosen_output(names: tuple[str, ...], asked: str | None) -> str:
    """The output to take. Raises InputError IMPORT-OUTPUTS with the choices."""
    if asked is None and len(names) == 1:
        return names[0]
    name = asked or "logits"
    if name in names:
        return name
    shown_names = ", ".join(map(printable, names))
    cause = (
        f"none of its outputs is called {printable(name)}"
        if asked
        else f"it has {counted(len(names), 'output')}: {shown_names}"
    )
    raise InputError("IMPORT-OUTPUTS", cause, "say which are the logits: --output NAME", nearest(name, names))


def check_kind(found: Tensor) -> None:
    """Raises InputError IMPORT-OUTPUTS where an output holds decisions."""
    if not found.is_floating_point():
        kind = str(found.dtype).removeprefix("torch.")
        raise InputError(
            "IMPORT-OUTPUTS",
            f"the output is {kind}{list(found.shape)}: it gives classes, not logits",
            "return what the classes are chosen by (before argmax, or a threshold), or name another output (--output)",
        )


def run(net: nn.Module, images: Tensor) -> Tensor:
    """The network's logits of normalised images, float32[N, C].

    net: a ``Chosen``.

    Raises InputError IMPORT-RUN (it raises, or needs another device), IMPORT-OUTPUTS, IMPORT-BATCH.
    """
    try:
        with torch.no_grad():
            # a copy: a network may change its image
            found: Tensor = net(images.clone())
    except (CxrError, MemoryError):
        raise
    except Exception as error:
        said = first_line(error, 300)
        gpu = any(word in said.lower() for word in ("cuda", "nvidia", "hip", "mps", "xpu"))
        raise InputError(
            "IMPORT-RUN",
            f"the original does not run on float32{list(images.shape)}: {type(error).__name__}: {said}",
            "let it run on the CPU: no GPU is used here"
            if gpu
            else "check --size, --arch and --input, and try it alone",
        ) from error
    if found.ndim != 2 or not found.shape[1]:
        raise InputError(
            "IMPORT-OUTPUTS",
            f"the output is {str(found.dtype).removeprefix('torch.')}{list(found.shape)}, and logits are float32[N, C]",
            "name a classifier of whole images, or another output (--output)",
        )
    if len(found) != len(images):
        raise InputError(
            "IMPORT-BATCH",
            f"the network gives {counted(len(found), 'row')} of logits for {counted(len(images), 'image')}",
            "write forward for any number of images: x.flatten(1), and no number of images in a shape",
        )
    return found.float()
