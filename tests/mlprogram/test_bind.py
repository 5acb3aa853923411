"""Operators and arguments that are not known, or not of the kind that they must be."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from cxredge.errors import InputError
from cxredge.mlprogram import load
from cxredge.mlprogram.refusal import Refusal
from mlprogram.built import const, node, relu, saved, value


def refusal(model: Any, folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load(saved(model, folder))
    return caught.value


def test_all_that_is_unknown_is_named_at_once(tmp_path: Path) -> None:
    model, _, block = relu()
    node(block, "while_loop", {"x": "x"}, "a")
    node(block, "relu", {"x": "y", "size": "x"}, "b")
    value(node(block, "custom_layer", {"x": "b"}, "c").attributes["class_name"], "Mine")
    error = refusal(model, tmp_path)
    assert error.code == "MLPROGRAM-OPERATOR"
    for words in ("while_loop (a)", "argument size of relu (b)", "custom_layer (c)"):
        assert words in error.cause


def test_a_block_inside_an_operator_is_never_ignored(tmp_path: Path) -> None:
    model, _, block = relu()
    block.operations[0].blocks.add()
    assert refusal(model, tmp_path).code == "MLPROGRAM-OPERATOR"


def test_thousands_that_are_unknown(tmp_path: Path) -> None:
    model, _, block = relu()
    for i in range(3000):
        node(block, "unheard_of", {"x": "x"}, f"n{i}")
    cause = refusal(model, tmp_path).cause
    assert "and 2980 more" in cause
    assert len(cause) < 2000


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("relu", {}, "lacks its argument x"),
        ("leaky_relu", {"x": "x", "alpha": "x"}, "computed at run time"),
        ("leaky_relu", {"x": "x", "alpha": "text"}, "it is a string"),
        ("leaky_relu", {"x": "x", "alpha": "two"}, "2 elements"),
        ("cast", {"x": "x", "dtype": "one"}, "not a string"),
        ("relu", {"x": "text"}, "has a string for x"),
        ("relu", {"x": "one"}, "does not take int32"),
        ("reshape", {"x": "x", "shape": "half"}, "not int"),
        ("reshape", {"x": "x", "shape": "long"}, "short vector"),
        ("reduce_mean", {"x": "x", "axes": "one", "keep_dims": "one"}, "not bool"),
        ("concat", {"values": "text", "axis": "one"}, "has a string"),
        ("relu", {"x": "no"}, "does not take bool"),
    ],
)
def test_arguments_of_the_wrong_kind(kind: str, arguments: dict[str, str], words: str, tmp_path: Path) -> None:
    model, _, block = relu()
    given = {"text": "a", "two": [1, 2], "one": 1, "half": [0.5], "long": [1] * 5000, "no": False}
    for name, constant in given.items():
        const(block, name, constant)
    node(block, kind, arguments, "z")
    error = refusal(model, tmp_path)
    assert (error.code, words in error.cause) == ("MLPROGRAM-VALUE", True), error.cause


def test_more_axes_than_core_ml_takes(tmp_path: Path) -> None:
    """coremltools checks it of every program that it writes; constants of compressed weights may have more."""
    model, _, block = relu()
    const(block, "shape", [1, 1, 1, 1, 4, 1])
    node(block, "reshape", {"x": "x", "shape": "shape"}, "z", shape=(1, 1, 1, 1, 4, 1))
    error = refusal(model, tmp_path)
    assert (error.code, "6 axes, and Core ML takes at most 5" in error.cause) == ("MLPROGRAM-VALUE", True)


def test_a_refusal_names_its_operators_and_travels_between_processes(tmp_path: Path) -> None:
    model, _, block = relu()
    for name in ("a", "b"):
        node(block, "unheard_of", {"x": "x"}, name)
    error = pickle.loads(pickle.dumps(refusal(model, tmp_path)))
    assert isinstance(error, Refusal)
    assert error.nodes == ("a", "b")
    assert (error.code, "unheard_of (a)" in error.cause) == ("MLPROGRAM-OPERATOR", True)


def test_two_values_for_one_argument(tmp_path: Path) -> None:
    model, _, block = relu()
    block.operations[0].inputs["x"].arguments.add().name = "x"
    assert "2 values" in refusal(model, tmp_path).cause


def test_a_list_of_several_dtypes(tmp_path: Path) -> None:
    model, _, block = relu()
    const(block, "axis", 0)
    const(block, "off", False)
    const(block, "ints", [1, 2])
    operation = node(block, "concat", {"values": "x", "axis": "axis", "interleave": "off"}, "z")
    operation.inputs["values"].arguments.add().name = "ints"
    assert "mixes dtypes" in refusal(model, tmp_path).cause
