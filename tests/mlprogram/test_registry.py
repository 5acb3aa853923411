"""How operators declare themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cxredge.mlprogram.operators
from cxredge.mlprogram.library import operators
from cxredge.mlprogram.registry import MAX_VECTOR, _Parameter


def parameter(kind: object) -> _Parameter:
    return _Parameter(kind, None)


@pytest.mark.parametrize(
    ("kind", "constant", "value"),
    [
        (int, np.int32(3), 3), (int, np.array([3], np.uint8), 3), (float, np.float16(0.5), 0.5),
        (float, np.int32(2), 2.0), (bool, np.array(True), True), (str, "same", "same"),
        (tuple[int, ...], np.array([1, 2], np.int32), (1, 2)), (tuple[int, ...], np.int32(4), (4,)),
        (tuple[bool, ...], np.array([True, False]), (True, False)), (tuple[int, ...], np.zeros(0, np.float32), ()),
    ],
)  # fmt: skip
def test_values(kind: object, constant: object, value: object) -> None:
    made = parameter(kind).value(constant if isinstance(constant, str) else np.asarray(constant))
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("kind", "constant"),
    [
        (int, np.float32(1.5)), (int, np.array(True)), (bool, np.int32(1)), (int, "1"), (str, np.int32(1)),
        (int, np.array([1, 2])), (int, np.zeros(0, np.int32)), (tuple[int, ...], np.ones((2, 2), np.int32)),
        (tuple[int, ...], np.ones(2, np.float32)), (tuple[int, ...], np.ones(MAX_VECTOR + 1, np.int32)),
    ],
)  # fmt: skip
def test_values_that_would_lose_something(kind: object, constant: object) -> None:
    with pytest.raises(ValueError, match="it"):
        parameter(kind).value(constant if isinstance(constant, str) else np.asarray(constant))


def test_every_operator_is_well_declared() -> None:
    known = operators()
    assert len(known) > 50
    files = {p.stem for p in Path(cxredge.mlprogram.operators.__file__).parent.glob("*.py")} - {"__init__"}
    assert {o.kernel.__module__.rsplit(".", 1)[1] for o in known.values()} == files - {"windows"}
    for name, operator in known.items():
        assert name == operator.name
        for rule in operator.result:
            parameter = operator.parameters.get(rule[1:])
            if rule[0] == ":":
                assert parameter is not None, name
                assert parameter.kind is str, name
            elif rule[0] == "=":
                assert parameter is not None, name
                assert parameter.is_tensor, name
            else:
                assert rule in ("first", "bool", "index"), name
        kinds = (int, float, bool, str, tuple[int, ...], tuple[bool, ...], tuple[float, ...])
        assert all(p.is_tensor or p.kind in kinds for p in operator.parameters.values()), name
        # what is computed once has its dtype from an argument, as what is computed at each run
        assert operator.fold == name.startswith("constexpr_"), name
