"""How values of each declared dtype are carried through the computation, see ``registry``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.mlprogram.registry import IN_FLOAT32
from cxredge.mlprogram.types import storage


def carrier_dtype(dtype: str) -> Any:
    """The torch dtype that carries ``dtype``."""
    import torch

    if dtype in IN_FLOAT32:
        return torch.float32
    return torch.bool if dtype == "bool" else torch.int32


def carried(array: NDArray[Any], dtype: str) -> Any:
    """``array`` as a torch tensor of the carrier's dtype; not copied where it is one already."""
    import torch

    if array.dtype == np.uint16:  # which torch hardly knows
        array = array.astype(np.int32)
    # torch takes no negative strides, and warns of arrays that it must not write to
    return torch.from_numpy(np.require(array, requirements=("C", "A", "W", "E"))).to(carrier_dtype(dtype))


def from_carrier(tensor: Any, dtype: str) -> NDArray[Any]:
    """A carried tensor as an array of its declared dtype, C-contiguous, in memory of its own."""
    # no number stands for NaN in an integer: what is then given is as undefined as in MIL
    with np.errstate(invalid="ignore"):
        return np.array(tensor.numpy(), storage(dtype), order="C")


def rounding(dtype: str) -> Callable[[Any], Any] | None:
    """What brings a float32 result onto the grid of ``dtype``; None where it lies there already."""
    return _to_float16 if dtype == "float16" else None


def _to_float16(tensor: Any) -> Any:
    return tensor.half().float()
