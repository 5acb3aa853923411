"""Networks by name, with their own heads and random weights: timm's and torchvision's. Nothing is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cxredge.errors import InputError, alike, counted, first_line, printable

if TYPE_CHECKING:
    from torch import nn

TIMM, TORCHVISION, OWN = "timm/", "torchvision/", "cxredge/"
"""Beginnings of names; ``OWN`` are of the papers' networks, which are made elsewhere."""
COLOURS = 3
SIDED = ("vit_", "maxvit_")
"""torchvision's networks that are built for one size of image, by the beginnings of their names."""


def build_network(arch: str, outputs: int, channels: int, size: tuple[int, int]) -> nn.Module:
    """The network in evaluation mode, with random weights.

    arch: ``timm/<name>`` or ``torchvision/<name>``. size: height and width of its image, pixels, for networks that
    are built for one. Heads that serve training alone are left out; torchvision's first convolution is replaced where
    the image has other than three channels. Raises InputError IMPORT-ARCH.
    """
    try:
        if arch.startswith(TIMM):
            return _timm(arch, outputs, channels, size).eval()
        if arch.startswith(TORCHVISION):
            return _torchvision(arch, outputs, channels, size).eval()
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        said = first_line(error, None)
        raise InputError(
            "IMPORT-ARCH",
            f"{arch} cannot be built with {counted(outputs, 'output')} for {channels} x {size[0]} x {size[1]}: {said}",
            "give it the size and channels that it was made for, or write what builds it in Python (--code)",
        ) from error
    raise _unknown(arch, [f"{kind}<name>" for kind in (TIMM, TORCHVISION, OWN)])


def _timm(arch: str, outputs: int, channels: int, size: tuple[int, int]) -> Any:
    import timm

    name = arch.removeprefix(TIMM)
    if not timm.is_model(name):
        raise _unknown(arch, [TIMM + known for known in alike(name.partition(".")[0], timm.list_models())])
    settings = {"img_size": size} if getattr(timm.get_pretrained_cfg(name), "fixed_input_size", False) else {}
    return timm.create_model(name, pretrained=False, num_classes=outputs, in_chans=channels, **settings)


def _torchvision(arch: str, outputs: int, channels: int, size: tuple[int, int]) -> Any:
    from torchvision import models

    name = arch.removeprefix(TORCHVISION)
    known = models.list_models(module=models)
    if name not in known:
        raise _unknown(arch, [TORCHVISION + k for k in alike(name, known)])
    settings: dict[str, Any] = {}
    if name in ("inception_v3", "googlenet"):
        settings = {"aux_logits": False, "init_weights": False}
    elif name.startswith(SIDED):
        settings = {"input_size": size} if name.startswith("maxvit_") else {"image_size": _square(size)}
    network = models.get_model(name, weights=None, num_classes=outputs, **settings)
    if channels != COLOURS:
        _other_channels(network, channels)
    return network


def _square(size: tuple[int, int]) -> int:
    if size[0] != size[1]:
        raise ValueError("it takes square images alone")
    return size[0]


def _other_channels(network: nn.Module, channels: int) -> None:
    """Put a convolution of so many input channels in the place of the first."""
    from torch import nn

    name, old = next((n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d))
    if old.groups != 1 or old.in_channels != COLOURS:
        raise ValueError(f"its first convolution {name} takes {old.in_channels} channels in {old.groups} groups")
    new = nn.Conv2d(
        channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        old.dilation,  # type: ignore[arg-type]
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    )
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, new)


def _unknown(arch: str, choices: list[str]) -> InputError:
    return InputError(
        "IMPORT-ARCH",
        f"no network is called {printable(arch)}",
        "name one of timm or torchvision, or write what builds it in Python (--code)",
        choices,
    )
