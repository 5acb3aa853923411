"""What a checkpoint says beside its tensors: read where it is said plainly, None where it is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_WORDS = 10_000
MAX_LETTERS = 200
SAID_IN = ("hyper_parameters", "hparams", "config", "cfg", "args", "meta", "metadata", "pretrained_cfg", "model_args")
"""Names of parts in which training scripts keep what they were told."""


@dataclass(frozen=True)
class Facts:
    """What the file says of its network. None: it says nothing, or two places of it say different things.

    labels: names of the outputs in their order. mean, std: for each channel, in the values' own range.
    input_size: height and width, pixels. value_range: least and greatest value of a pixel. epoch: as counted there.
    disputed: names of facts of which two places say different things.
    """

    architecture: str | None = None
    labels: tuple[str, ...] | None = None
    outputs: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    input_size: tuple[int, int] | None = None
    channels: int | None = None
    value_range: tuple[float, float] | None = None
    epoch: int | None = None
    disputed: tuple[str, ...] = ()


def facts_of(said: object) -> Facts:
    """The facts of plain values: of a mapping and of the parts in it that ``SAID_IN`` names. Nothing is raised."""
    places = _places(said)
    found: dict[str, Any] = {}
    disputed = []
    for name, (keys, read) in READERS.items():
        values = [v for place in places for key in keys if key in place and (v := read(place[key])) is not None]
        if name == "epoch":
            values = values[:1]  # the outermost counts; others are settings
        if values and all(v == values[0] for v in values):
            found[name] = values[0]
        elif values:
            disputed.append(name)
    return Facts(**found, disputed=tuple(disputed))


def monai_facts(metadata: object) -> Facts:
    """The facts of a MONAI bundle's ``network_data_format``: its first input and its first output."""
    network = _dict(_dict(metadata).get("network_data_format"))
    given, answer = (
        next((_dict(v) for v in _dict(network.get(k)).values()), dict[str, Any]()) for k in ("inputs", "outputs")
    )
    return Facts(
        architecture=_word(_dict(metadata).get("name")),
        labels=_labels(answer.get("channel_def")),
        outputs=_count(answer.get("num_channels")),
        input_size=_size(given.get("spatial_shape")),
        channels=_count(given.get("num_channels")),
        value_range=_range(given.get("value_range")),
    )


def _places(said: object) -> list[dict[str, Any]]:
    outer = _dict(said)
    inner = [_dict(outer[key]) for key in SAID_IN if key in outer]
    return [outer, *inner, *(_dict(part[key]) for part in inner for key in SAID_IN if key in part)]


def _dict(value: object) -> dict[str, Any]:
    if type(value).__name__ == "Namespace":
        value = vars(value)
    return {k: v for k, v in value.items() if isinstance(k, str)} if isinstance(value, Mapping) else {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_LETTERS else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None


def _epoch(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else None


def _numbers(value: object) -> tuple[float, ...] | None:
    values = value if isinstance(value, list | tuple) else [value]
    if not 0 < len(values) <= MAX_WORDS or not all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e30 and math.isfinite(v) for v in values
    ):
        return None
    return tuple(map(float, values))


def _range(value: object) -> tuple[float, float] | None:
    pair = _numbers(value)
    return (pair[0], pair[1]) if pair is not None and len(pair) == 2 and pair[0] < pair[1] else None


def _size(value: object) -> tuple[int, int] | None:
    """Height and width, of a number, of two, or of three that begin with the channels."""
    sides = [value, value] if isinstance(value, int) else value
    if not isinstance(sides, list | tuple) or len(sides) not in (2, 3):
        return None
    height, width = (_count(side) for side in sides[-2:])
    if len(sides) == 3 and (_count(sides[0]) is None or sides[0] > 4):
        return None  # three sides of a volume
    return (height, width) if height is not None and width is not None else None


def _channels(value: object) -> int | None:
    """Of a count, or of an input size that begins with the channels."""
    if isinstance(value, list | tuple):
        return _count(value[0]) if len(value) == 3 and _size(value) is not None else None
    return _count(value)


def _labels(value: object) -> tuple[str, ...] | None:
    """Names, of a list, of ``{0: name}`` or of ``{name: 0}``; numbers that leave a gap name nothing."""
    if isinstance(value, Mapping) and 0 < len(value) <= MAX_WORDS:
        pairs = [(k, v) if isinstance(v, str) else (v, k) for k, v in value.items()]
        order = {int(i): name for i, name in pairs if isinstance(i, int) or (isinstance(i, str) and _digits(i))}
        if len(order) != len(pairs) or set(order) != set(range(len(order))):
            return None
        value = [order[i] for i in range(len(order))]
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_WORDS:
        return None
    return tuple(value) if all(_word(v) is not None for v in value) else None


def _digits(text: str) -> bool:
    return 0 < len(text) < 7 and text.isascii() and text.isdigit()


READERS: dict[str, tuple[tuple[str, ...], Callable[[object], Any]]] = {
    "architecture": (("architecture", "arch", "model_arch", "model_name", "backbone", "model", "network"), _word),
    "labels": (
        ("labels", "label_names", "classes", "class_names", "pathologies", "id2label", "idx_to_class", "class_to_idx"),
        _labels,
    ),
    "outputs": (("num_classes", "n_classes", "num_labels", "out_channels"), _count),
    "mean": (("mean", "img_mean", "image_mean"), _numbers),
    "std": (("std", "img_std", "image_std"), _numbers),
    "input_size": (("input_size", "img_size", "image_size"), _size),
    "channels": (("in_chans", "in_channels", "num_channels", "input_size"), _channels),
    "value_range": (("value_range", "input_range"), _range),
    "epoch": (("epoch", "current_epoch"), _epoch),
}
"""Of each fact: the keys under which it is said, and how its value is read."""
