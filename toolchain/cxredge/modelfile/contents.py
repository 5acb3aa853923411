"""What a parser finds in a model file, in terms that all formats share. No runtime has a part in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cxredge.errors import printable
from cxredge.modelfile.cost import Shape, stored_bytes
from cxredge.results import Census, Delegation, Operation, TensorInfo

T = TypeVar("T")
MAX_RANK = 64
"""Dimensions of a tensor."""
MAX_ELEMENTS = (1 << 63) - 1
"""Of a tensor, dimensions that are open or zero left aside: what a runtime's own count can hold."""
MAX_NAME = 100
"""Characters of a tensor's name that an error shows."""


@dataclass(frozen=True)
class Contents:
    """Inputs, outputs and operators in the order of execution, and the dtypes that were counted on the way."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    census: Census
    operations: tuple[Operation, ...]
    delegation: Delegation | None = None
    """None where the file does not say, and only its runtime knows."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a graph. ``stored``: the bytes that the file keeps for a constant; None for an activation.

    Raises ValueError for a shape that no runtime could hold: what is computed from it would have hundreds of digits.
    """

    name: str
    dtype: str | None
    shape: Shape
    stored: int | None = None

    def __post_init__(self) -> None:
        shape = self.shape or ()
        if len(shape) > MAX_RANK:
            raise ValueError(f"tensor {self.name[:MAX_NAME]} has {len(shape)} dimensions, above {MAX_RANK}")
        if math.prod(abs(size) for size in shape if size) > MAX_ELEMENTS:
            raise ValueError(f"tensor {self.name[:MAX_NAME]} has more than {MAX_ELEMENTS} elements")

    def info(self) -> TensorInfo:
        """As an input or output."""
        return TensorInfo(name=printable(self.name), dtype=self.dtype, shape=self.shape)


def contents(
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    constants: Iterable[Tensor],
    activations: Iterable[Tensor],
    operations: Iterable[Operation],
    delegation: Delegation | None = None,
) -> Contents:
    """Contents with their census: constants by bytes, activations by number, each tensor given once."""
    weights: Counter[str] = Counter()
    for tensor in constants:
        weights[tensor.dtype or "unknown"] += tensor.stored or 0
    counted = Counter(tensor.dtype or "unknown" for tensor in activations)
    census = Census(
        weight_bytes=dict(sorted(weights.items())),
        activations=dict(sorted(counted.items())),
        inputs={t.name: t.dtype or "unknown" for t in inputs},
        outputs={t.name: t.dtype or "unknown" for t in outputs},
    )
    return Contents(tuple(inputs), tuple(outputs), census, tuple(operations), delegation)


def operation(
    name: str,
    kind: str,
    inputs: Iterable[Tensor],
    outputs: Sequence[Tensor],
    macs: int | None = 0,
    delegate: str | None = None,
) -> Operation:
    """The record of one operator; a tensor that it reads twice is moved once."""
    read = list(dict.fromkeys(inputs))
    weights = [t for t in read if t.stored is not None]
    largest = max(weights, key=lambda t: t.stored or 0, default=None)
    moved: int | None = 0
    for tensor in (*read, *outputs):
        size = stored_bytes(tensor.dtype, tensor.shape) if tensor.stored is None else tensor.stored
        moved = None if moved is None or size is None else moved + size
    first = outputs[0] if outputs else Tensor("", None, None)
    return Operation(
        name=printable(name),
        type=printable(kind),
        dtype=first.dtype,
        shape=first.shape,
        weight_bytes=sum(t.stored or 0 for t in weights),
        weight_dtype=largest.dtype if largest else None,
        macs=macs,
        bytes_moved=moved,
        delegate=delegate,
    )


def item(things: Sequence[T], number: int) -> T:
    """``things[number]``, but a negative number is an error too. Raises ValueError."""
    if not 0 <= number < len(things):
        raise ValueError(f"it names number {number} of {len(things)}")
    return things[number]
