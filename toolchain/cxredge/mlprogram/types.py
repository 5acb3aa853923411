"""Tensor types of an ML Program, and the numpy dtypes that hold their values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np

MAX_RANK = 16
MAX_ELEMENTS = 1 << 26
"""Elements that one tensor may have (256 MiB as float32)."""
MAX_ALIVE = 1 << 28
"""Elements that all constants together, or all values alive at one time, may have (1 GiB as float32).

These bound what a hostile program makes us allocate; a phone's model stays far below.
"""

_STORAGE: dict[str, type[np.generic]] = {
    "bool": np.bool_, "float16": np.float16, "float32": np.float32, "float64": np.float64, "int8": np.int8,
    "int16": np.int16, "int32": np.int32, "int64": np.int64, "uint8": np.uint8, "uint16": np.uint16,
    "uint32": np.uint32, "uint64": np.uint64, "int4": np.int8, "uint1": np.uint8, "uint2": np.uint8,
    "uint3": np.uint8, "uint4": np.uint8, "uint6": np.uint8,
}  # fmt: skip

DTYPES = frozenset(_STORAGE)
"""Dtypes that constants may have."""
COMPUTED = frozenset(
    (
        *("bool", "float16", "float32", "int8", "uint8", "int16", "uint16", "int32"),
        *("int4", "uint1", "uint2", "uint3", "uint4", "uint6"),
    )
)
"""Dtypes that tensors of the computation may have."""
GIVEN = COMPUTED & {name for name, held in _STORAGE.items() if name == np.dtype(held).name}
"""Dtypes that a program's inputs may have: those that an array can have, too."""


@dataclass(frozen=True)
class TensorType:
    """Dtype and shape as a program declares them; () is a scalar."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Number of elements; 1 for a scalar."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


def bits(dtype: str) -> int:
    """Stored width of one element."""
    return 8 if dtype == "bool" else int(dtype.lstrip(ascii_lowercase))


def is_signed(dtype: str) -> bool:
    """Whether an integer dtype has negative values."""
    return dtype.startswith("int")


def storage(dtype: str) -> np.dtype[Any]:
    """The numpy dtype whose values are those of ``dtype``: the same, or the byte that holds a packed number."""
    return np.dtype(_STORAGE[dtype])
