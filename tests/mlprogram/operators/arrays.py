"""What property tests draw from: small shapes, seeded arrays; and what coremltools itself computes."""

from __future__ import annotations

from typing import Any

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb  # noqa: N813
from hypothesis import strategies as st
from numpy.typing import NDArray

SEEDS = st.integers(0, 2**32 - 1)


def shapes(least: int = 1, most: int = 4, size: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of ``least`` to ``most`` axes of 1 to ``size`` elements."""
    return st.lists(st.integers(1, size), min_size=least, max_size=most).map(tuple)


def noise(seed: int, shape: tuple[int, ...], dtype: str = "float32") -> NDArray[Any]:
    """Normal numbers, integers of [-9, 9], or booleans."""
    generator = np.random.default_rng(seed)
    if dtype.startswith("float"):
        return generator.normal(0, 2, shape).astype(dtype)
    return generator.integers(-9, 10, shape).astype(dtype) if dtype != "bool" else generator.random(shape) < 0.5


def inferred(kind: str, target: str = "iOS17", **arguments: Any) -> Any:
    """What coremltools computes when the operator ``kind`` has constant arguments (its ``value_inference``)."""
    values: list[Any] = []

    @mb.program(input_specs=[mb.TensorSpec((1,))], opset_version=getattr(ct.target, target))
    def program(x: Any) -> Any:
        made = getattr(mb, kind)(**arguments)
        values.extend(v.val for v in (made if isinstance(made, (tuple, list)) else [made]))
        return mb.identity(x=x)

    return values
