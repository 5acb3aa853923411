"""Running a program: inputs held against their types, results that are the caller's own, and bounds."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.mlprogram import check, load
from cxredge.mlprogram.library import operators
from mlprogram.built import const, empty, node, relu, row, saved, typed

X = row(-1, 0, 0.1, 2)


def code(model: Any, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load(saved(model, folder))
    return caught.value.code.removeprefix("MLPROGRAM-")


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"y": X},
        {"x": X, "y": X},
        {"x": X, 3: X},
        {"x": X[0]},
        {"x": X.astype(np.float64)},
        {"x": X.astype(np.float16)},
        {"x": X.astype(">f4")},
        {"x": X.astype(object)},
        {"x": X.tolist()},
        {"x": None},
        {"x": row(0, 0, 0, np.nan)},
        {"x": row(0, 0, 0, np.inf)},
    ],
)
def test_wrong_inputs(inputs: Any, tmp_path: Path) -> None:
    program = load(saved(relu()[0], tmp_path))
    with pytest.raises(InputError) as caught:
        program(inputs)
    assert caught.value.code == "MLPROGRAM-INPUT"


def odd_arrays() -> dict[str, np.ndarray]:
    frozen = X.copy()
    frozen.flags.writeable = False
    off = np.frombuffer(b"\0" + X.tobytes(), np.float32, 4, 1).reshape(1, 4)
    return {
        "not writeable": frozen,
        "not contiguous": np.repeat(X, 2, 1)[:, ::2],
        "backwards": X[:, ::-1].copy()[:, ::-1],
        "broadcast": np.broadcast_to(X[0], (1, 4)),
        "not aligned": off,
    }


@pytest.mark.parametrize("kind", list(odd_arrays()))
def test_any_layout_without_a_warning(kind: str, tmp_path: Path) -> None:
    program = load(saved(relu()[0], tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(program({"x": odd_arrays()[kind]})["y"], np.maximum(X, 0))


def aliases() -> Any:
    """Outputs: the input, a constant, a view of each, and one value that is tapped and read again."""
    model, function, block = empty()
    typed(function.inputs.add(name="x").type, "float32", (1, 4))
    const(block, "c", [1.0, 2.0, 3.0, 4.0])
    const(block, "shape", [4])
    node(block, "reshape", {"x": "x", "shape": "shape"}, "view", shape=(4,))
    node(block, "reshape", {"x": "c", "shape": "shape"}, "same", shape=(4,))
    node(block, "relu", {"x": "view"}, "y", shape=(4,))
    node(block, "add", {"x": "view", "y": "c"}, "z", shape=(4,))
    block.outputs.extend(["x", "c", "view", "same", "y", "z"])
    return model


def test_results_are_the_callers_own(tmp_path: Path) -> None:
    program, x = load(saved(aliases(), tmp_path)), X.copy()
    first = program({"x": x})
    kept = {name: array.copy() for name, array in first.items()}
    arrays = list(first.values())
    for i, array in enumerate(arrays):
        assert not np.shares_memory(array, x)
        assert not any(np.shares_memory(array, other) for other in arrays[:i])
        array[...] = 99
    np.testing.assert_array_equal(x, X)
    for name, array in program({"x": x}).items():
        np.testing.assert_array_equal(array, kept[name])


def test_what_a_tap_does_to_its_arrays_changes_nothing(tmp_path: Path) -> None:
    program, seen = load(saved(aliases(), tmp_path)), []

    def spoil(name: str, array: np.ndarray) -> None:
        seen.append(name)
        array[...] = 99

    made = program({"x": X}, spoil)
    assert seen == ["view", "same", "y", "z"]
    np.testing.assert_array_equal(made["z"], X[0] + np.float32([1, 2, 3, 4]))


def test_an_error_of_a_tap_is_its_own(tmp_path: Path) -> None:
    def stop(name: str, array: np.ndarray) -> None:
        raise KeyError(name)

    with pytest.raises(KeyError):
        load(saved(relu()[0], tmp_path))({"x": X}, stop)


def test_a_result_without_axes(tmp_path: Path) -> None:
    model, _, block = relu()
    const(block, "axes", [0, 1])
    const(block, "off", False)
    node(block, "reduce_sum", {"x": "y", "axes": "axes", "keep_dims": "off"}, "s", shape=())
    block.outputs.append("s")
    made = load(saved(model, tmp_path))({"x": row(1, 2, 3, -4)})["s"]
    assert (made.shape, made.dtype, float(made)) == ((), np.float32, 6.0)


def test_each_result_is_rounded_to_its_dtype(tmp_path: Path) -> None:
    model, function, block = empty()
    typed(function.inputs.add(name="x").type, "float16", (2,))
    node(block, "add", {"x": "x", "y": "x"}, "a", "float16", (2,))
    node(block, "mul", {"x": "a", "y": "x"}, "b", "float16", (2,))
    block.outputs.append("b")
    x = np.array([0.1, 300], np.float16)
    made = load(saved(model, tmp_path))({"x": x})["b"]
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(made, (x + x) * x)
    assert made.dtype == np.float16


def test_threads_do_not_disturb_each_other(packages: Path) -> None:
    program = load(packages / "fp16.mlpackage")
    inputs = [np.random.default_rng(i).standard_normal((1, 3, 8, 8)).astype(np.float32) for i in range(24)]
    alone = [program({"x": x})["y"] for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda x: program({"x": x})["y"], inputs))
    np.testing.assert_array_equal(together, alone)


def test_values_that_an_operator_cannot_take(tmp_path: Path) -> None:
    """An index beyond the end is met when the program runs only."""
    model, function, block = empty()
    typed(function.inputs.add(name="x").type, "float32", (1, 4))
    typed(function.inputs.add(name="i").type, "int32", (1,))
    const(block, "axis", 1)
    node(block, "gather", {"x": "x", "indices": "i", "axis": "axis"}, shape=(1, 1))
    block.outputs.append("y")
    program = load(saved(model, tmp_path))
    assert program({"x": X, "i": np.array([3], np.int32)})["y"].tolist() == [[2]]
    with pytest.raises(InputError) as caught:
        program({"x": X, "i": np.array([4], np.int32)})
    assert caught.value.code == "MLPROGRAM-INDEX"
    assert "gather y" in caught.value.cause


def test_whatever_a_kernel_raises_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def picky(x: Any) -> Any:
        if not x.is_meta:
            raise RuntimeError("not these values\nC++ calls")
        return x

    monkeypatch.setitem(operators(), "relu", replace(operators()["relu"], kernel=picky))
    program = load(saved(relu()[0], tmp_path))
    with pytest.raises(InputError, match=r"relu y .*: not these values$") as caught:
        program({"x": X})
    assert caught.value.code == "MLPROGRAM-RUN"


@pytest.mark.parametrize(
    ("dtype", "shape"), [("float32", (4,)), ("float32", (1, 5)), ("float16", (1, 4)), ("bool", (1, 4))]
)
def test_results_that_are_not_as_declared(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    model, _, block = relu()
    node(block, "relu", {"x": "x"}, "z", dtype, shape)
    assert code(model, tmp_path) == "SHAPE"


def test_one_result_too_many(tmp_path: Path) -> None:
    model, _, block = relu()
    typed(block.operations[0].outputs.add(name="more").type, "float32", (1, 4))
    assert code(model, tmp_path) == "SHAPE"


def large(kind: str, count: int) -> Any:
    """A chain of a small input's broadcasts and of an operator upon them."""
    model, function, block = empty()
    typed(function.inputs.add(name="x").type, "float32", (1, 4096))
    typed(function.inputs.add(name="t").type, "float32", (4096, 1))
    for i in range(count):
        node(block, "add", {"x": "x", "y": "t"}, f"big{i}", shape=(4096, 4096))
    last = "big0"
    for i in range(count):
        node(block, kind, {"x": last, "y": f"big{i}"}, f"sum{i}", shape=(4096, 4096))
        last = f"sum{i}"
    block.outputs.append(last)
    return model


def test_too_much_alive_at_once(tmp_path: Path) -> None:
    load(saved(large("add", 8), tmp_path))
    assert code(large("add", 20), tmp_path) == "SIZE"


def test_too_much_work(tmp_path: Path) -> None:
    """Loading computes no product, however large."""
    assert code(large("matmul", 9), tmp_path) == "SIZE"


def test_too_large_inside_an_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_ELEMENTS", 3)
    assert code(relu()[0], tmp_path) == "SIZE"


def test_thousands_of_operators(tmp_path: Path) -> None:
    model, _, block = relu()
    for i in range(5000):
        node(block, "relu", {"x": "y" if i == 0 else f"n{i - 1}"}, f"n{i}")
    block.outputs.append("n4999")
    np.testing.assert_array_equal(load(saved(model, tmp_path))({"x": X})["n4999"], np.maximum(X, 0))
