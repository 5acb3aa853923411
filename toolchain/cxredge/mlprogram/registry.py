"""The registry of operators: MIL name -> a function of torch tensors, and how a node's arguments become its own.

An operator is one function, named and parametrised as MIL names it::

    @operator("leaky_relu")
    def leaky_relu(x: Tensor, alpha: float) -> Tensor: ...

Annotations say what an argument is: ``Tensor`` (computed at run time or constant), ``list[Tensor]`` (a MIL tuple),
or a Python value that must be known when the program is loaded (``int``, ``float``, ``bool``, ``str``,
``tuple[int, ...]``, ``tuple[bool, ...]``). A default is the one that the MIL operator's definition gives.

Carriers. A float or 8-bit tensor is carried as torch.float32, whose values lie on the declared dtype's grid; other
integers as torch.int32, booleans as torch.bool. So every operator computes in float32, and rounding its result is the
evaluator's business, not the operator's.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from cxredge.mlprogram.types import DTYPES, TensorType

FLOATS = frozenset(("float16", "float32"))
"""Dtypes that are rounded after each operator."""
NUMBERS = FLOATS | {"int32"}
"""Dtypes of arithmetic; an integer of fewer bits is only moved, cast or dequantised."""
BOOLEANS = frozenset(("bool",))
IN_FLOAT32 = FLOATS | {"int8", "uint8", "int4", "uint1", "uint2", "uint3", "uint4", "uint6"}
"""Dtypes carried as torch.float32, which holds all their values exactly."""

MAX_VECTOR = 1 << 10
"""Elements that a vector may have to become a Python value."""

Kernel = Callable[..., Any]
FIRST, BOOL, INDEX = "first", "bool", "index"
_INDICES = frozenset(("int32", "int16", "uint16", "int8", "uint8"))


@dataclass(frozen=True)
class Operator:
    """One registered function.

    result: what its result's dtype must be: ``first`` (that of the first tensor), ``bool``, ``index`` (an integer),
    ``=name`` (that of argument ``name``) or ``:name`` (the one that string argument ``name`` spells out); one a result,
    or one for all of them.
    exact: its results are values of its arguments, so that there is nothing to round.
    fold: it is computed once, when the program is loaded.
    accepts: dtypes that its first tensor may have.
    """

    name: str
    kernel: Kernel
    result: tuple[str, ...]
    exact: bool
    fold: bool
    accepts: frozenset[str]
    parameters: dict[str, _Parameter]

    def result_dtypes(
        self, tensors: dict[str, TensorType], values: dict[str, Any], results: int
    ) -> tuple[frozenset[str], ...]:
        """Dtypes that each of ``results`` may have. tensors: type of each tensor argument (the first of a list)."""
        rules = self.result * results if len(self.result) == 1 else self.result[:results]
        return tuple(self._dtypes(rule, tensors, values) for rule in rules)

    def _dtypes(self, rule: str, tensors: dict[str, TensorType], values: dict[str, Any]) -> frozenset[str]:
        if rule == BOOL:
            return frozenset(("bool",))
        if rule == INDEX:
            return _INDICES
        if rule.startswith(":"):
            spelled = values.get(rule[1:], self.parameters[rule[1:]].default)
            return frozenset((_SPELLINGS.get(spelled, spelled),))
        name = rule[1:] if rule.startswith("=") else next((p for p in self.parameters if p in tensors), "")
        return frozenset((tensors[name].dtype,) if name in tensors else ())


_SPELLINGS = {"fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True)
class _Parameter:
    kind: Any
    default: Any

    @property
    def optional(self) -> bool:
        return self.default is not inspect.Parameter.empty

    @property
    def is_tensor(self) -> bool:
        return self.kind is _tensor() or self.is_list

    @property
    def is_list(self) -> bool:
        return get_origin(self.kind) is list

    def value(self, constant: np.ndarray[Any, Any] | str) -> Any:
        """A Python value from a constant. Raises ValueError."""
        if isinstance(constant, str) or self.kind is str:
            if not (isinstance(constant, str) and self.kind is str):
                raise ValueError(f"it is {'a string' if isinstance(constant, str) else 'not a string'}")
            return constant
        is_vector = get_origin(self.kind) is tuple
        element = get_args(self.kind)[0] if is_vector else self.kind
        # an empty vector says nothing of its elements
        if constant.size and constant.dtype.kind not in _KINDS[element]:
            raise ValueError(f"it is {constant.dtype}, not {element.__name__}")
        if is_vector:
            if constant.ndim > 1 or constant.size > MAX_VECTOR:
                raise ValueError(f"its shape is {list(constant.shape)}, not that of a short vector")
            return tuple(element(v) for v in constant.reshape(-1).tolist())
        if constant.size != 1:
            raise ValueError(f"it has {constant.size} elements, not one")
        return element(constant.item())


# numpy's kinds of dtype that each Python type takes without loss
_KINDS = {int: "iu", bool: "b", float: "fiub"}


_REGISTRY: dict[str, Operator] = {}


def operator(
    *names: str,
    result: str | tuple[str, ...] = FIRST,
    exact: bool = False,
    fold: bool = False,
    accepts: frozenset[str] = DTYPES,
) -> Callable[[Kernel], Kernel]:
    """Register a function under its MIL names; see ``Operator`` for the rest."""

    def register(kernel: Kernel) -> Kernel:
        hints = get_type_hints(kernel)
        parameters = {}
        for name, parameter in inspect.signature(kernel).parameters.items():
            kind = hints[name]
            if get_origin(kind) in (Union, types.UnionType):
                (kind,) = (k for k in get_args(kind) if k is not type(None))
            parameters[name] = _Parameter(kind, parameter.default)
        rules = (result,) if isinstance(result, str) else result
        for name in names:
            assert name not in _REGISTRY, name
            _REGISTRY[name] = Operator(name, kernel, rules, exact, fold, accepts, parameters)
        return kernel

    return register


def registered() -> dict[str, Operator]:
    """What has been registered so far, by MIL name; ``library.operators`` has everything."""
    return _REGISTRY


@cache
def _tensor() -> Any:
    import torch

    return torch.Tensor
