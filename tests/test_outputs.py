"""Outputs files are read exactly, or refused; what is written is what is read."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxredge import outputs_layout as module
from cxredge.bundle.model import Model
from cxredge.errors import InputError
from cxredge.outputs import (
    OUTPUT_NAMES,
    Outputs,
    check_outputs,
    read_outputs,
    write_outputs,
)
from cxredge.outputs_layout import MAX_COLUMNS
from support.outputs_files import RECORD, Header, arrays, joined, only, parts

NAMED = ("artifact", "artifact_sha256", "films_sha256", "runtime")


def written(path: Path, outputs: Outputs, **record: str) -> Path:
    write_outputs(path, *({**RECORD, **record}[name] for name in NAMED), outputs)
    return path


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_outputs(path)
    assert len(caught.value.cause) < len(str(path)) + 500
    return caught.value


@pytest.mark.parametrize(
    "names", [("logits",), ("logits", "cam"), ("logits", "quality"), OUTPUT_NAMES[:3], OUTPUT_NAMES], ids="+".join
)
def test_a_file_round_trips_to_the_same_bytes(names: tuple[str, ...], tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    outputs = only(*names)
    one, two = written(tmp_path / "one", outputs), written(tmp_path / "two", dict(reversed(outputs.items())))
    assert one.read_bytes() == two.read_bytes()
    back, library = read_outputs(one), load_file(one)
    assert {name: getattr(back, name) for name in NAMED} == {name: RECORD[name] for name in NAMED}
    assert tuple(back.outputs) == names
    for name, array in outputs.items():
        np.testing.assert_array_equal(back.outputs[name], array)
        np.testing.assert_array_equal(library[name], array)
        assert back.outputs[name].flags.writeable


def test_a_file_of_another_writer_is_read(tmp_path: Path) -> None:
    """Arrays in another order, and no padding."""
    outputs = dict(reversed(arrays().items()))
    (tmp_path / "file").write_bytes(joined(*parts(outputs, {**RECORD, "artifact": "reference"})))
    back = read_outputs(tmp_path / "file")
    assert (back.artifact, tuple(back.outputs)) == ("reference", OUTPUT_NAMES)
    for name, array in outputs.items():
        np.testing.assert_array_equal(back.outputs[name], array)


VALUES: dict[str, tuple[Callable[[Outputs], object], str]] = {
    "no logits": (lambda o: o.pop("logits"), "there is no output logits"),
    "an unknown output": (lambda o: o.update(probabilities=o["logits"]), "there are outputs ['probabilities']"),
    "not a number": (lambda o: o["cam"].__setitem__((0, 1, 2, 3), np.nan), "cam holds NaN or infinity"),
    "infinity": (lambda o: o["quality"].__setitem__((4, 1), -np.inf), "quality holds NaN or infinity"),
    "a rank more": (lambda o: o.update(novelty=o["novelty"][:, None]), "novelty has 2 dimensions, not 1"),
    "no rank": (lambda o: o.update(logits=np.ones((), np.float32)), "logits has 0 dimensions, not 2"),
    "doubles": (lambda o: o.update(cam=o["cam"].astype(np.float64)), "cam is float64, not float32"),
    "fewer films": (lambda o: o.update(novelty=o["novelty"][:-1]), "novelty is of 4 films, not 5"),
    "fewer maps": (lambda o: o.update(cam=o["cam"][:, :2]), "cam has 2 maps a film, and there are 3 logits"),
    "65 labels": (
        lambda o: (o.pop("cam"), o.update(logits=np.zeros((5, 65), np.float32))),
        "logits has 65 columns, above 64",
    ),
    "five kinds of quality": (
        lambda o: o.update(quality=np.zeros((5, 5), np.float32)),
        "quality has 5 columns, above 4",
    ),
    "a list": (lambda o: o.update(novelty=[0.0] * 5), "novelty is of type list, not a NumPy array"),
    "nothing": (lambda o: o.update(cam=None), "cam is of type NoneType, not a NumPy array"),
    "a name that is none": (lambda o: o.update({3: o["cam"], "x": o["cam"]}), "there are outputs ['3', 'x']"),
    "no film": (lambda o: o.update({name: array[:0] for name, array in o.items()}), "there is no film"),
    "no class": (lambda o: o.update(logits=o["logits"][:, :0]), "logits is empty: [5, 0]"),
    "no kind of quality": (lambda o: o.update(quality=o["quality"][:, :0]), "quality is empty: [5, 0]"),
}


@pytest.mark.parametrize("what", VALUES)
def test_outputs_that_break_the_contract_are_refused_by_what_is_wrong(what: str, tmp_path: Path) -> None:
    change, words = VALUES[what]
    outputs = {name: array.copy() for name, array in arrays().items()}
    change(outputs)
    films = 0 if what == "no film" else 5
    with pytest.raises(InputError) as caught:
        check_outputs("it", outputs, films)
    assert caught.value.code == "RUN-OUTPUT"
    assert caught.value.cause.startswith(f"it: {words}")
    with pytest.raises(InputError, match="RUN-OUTPUT"):
        written(tmp_path / "file", outputs)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("outputs", "kind"), [(None, "NoneType"), ([arrays()], "list"), (arrays()["logits"], "ndarray"), ("logits", "str")]
)
def test_what_is_no_table_of_arrays_is_refused_by_its_type(outputs: object, kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        written(tmp_path / "file", outputs)  # type: ignore[arg-type]
    assert caught.value.code == "RUN-OUTPUT"
    assert caught.value.cause == f"{tmp_path / 'file'}: the outputs are of type {kind}, not arrays by name"


def test_outputs_at_their_bounds_round_trip_and_one_more_is_not_read(tmp_path: Path) -> None:
    bounds = Model.model_json_schema()["properties"]
    assert {"logits": bounds["labels"]["maxItems"], "quality": bounds["quality"]["anyOf"][0]["maxItems"]} == MAX_COLUMNS
    zeros = {name: np.zeros((1, most), np.float32) for name, most in MAX_COLUMNS.items()}
    zeros["novelty"] = np.zeros(1, np.float32)
    read_outputs(written(tmp_path / "file", zeros))
    for name, change in (("logits", 65), ("quality", 5)):
        more = zeros | {name: np.zeros((1, change), np.float32)}
        (tmp_path / "file").write_bytes(joined(*parts(more)))
        error = refusal(tmp_path / "file")
        assert error.code == "OUTPUTS-FORMAT"
        assert f"{name} has {change} columns" in error.cause


def test_a_negative_novelty_is_neither_written_nor_read(tmp_path: Path) -> None:
    outputs = arrays()
    outputs["novelty"][3] = -1e-30
    with pytest.raises(InputError, match=r"OUTPUTS-FORMAT.*novelty is negative"):
        written(tmp_path / "file", outputs)
    (tmp_path / "file").write_bytes(joined(*parts(outputs)))
    error = refusal(tmp_path / "file")
    assert error.code == "OUTPUTS-FORMAT"
    assert "novelty is negative" in error.cause


def test_who_needs_more_than_logits_says_so() -> None:
    assert tuple(check_outputs("it", only("cam", "logits"), 5)) == ("logits", "cam")
    with pytest.raises(InputError, match="there is no output novelty"):
        check_outputs("it", only("cam", "logits"), 5, OUTPUT_NAMES[:3])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("artifact", "x" * 11_000),
        ("artifact", "w8a8"),
        ("artifact", ""),
        ("artifact_sha256", "A" * 64),
        ("films_sha256", "0" * 63),
        ("runtime", "\x1b[2J"),
        ("runtime", "\x9b2J"),
        ("runtime", ""),
        ("runtime", "x" * 81),
        ("runtime", "litert\u202e6.1.2"),
        ("runtime", "litert\u2066"),
        ("runtime", "litert\u2028"),
    ],
)
def test_names_that_are_none_are_neither_written_nor_read(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="OUTPUTS-FORMAT"):
        written(tmp_path / "file", arrays(), **{name: value})
    (tmp_path / "file").write_bytes(joined(*parts(arrays(), {**RECORD, name: value})))
    error = refusal(tmp_path / "file")
    assert error.code == "OUTPUTS-FORMAT"
    assert name in error.cause


RECORDS: dict[str, object] = {
    "a hash as a list": {**RECORD, "artifact_sha256": ["a" * 64]},
    "a runtime as a number": {**RECORD, "runtime": 1},
    "an artifact as a truth value": {**RECORD, "artifact": True},
    "a key more": {**RECORD, "patient": "x"},
    "a key of 11,000 characters": {**RECORD, "x" * 11_000: 1},
    "no runtime": {key: value for key, value in RECORD.items() if key != "runtime"},
    "no format": {key: value for key, value in RECORD.items() if key != "format"},
    "a format as a list": {**RECORD, "format": ["cxredge-outputs-2"] * 1000},
    "a list": [],
    "no JSON": "{",
    "nothing": "",
    "half a character": '{"format": "\ud800"}',
    "a key twice": json.dumps(RECORD).replace('{"format"', '{"runtime": "x", "format"'),
    "deep nesting": "[" * 5_000,
}


@pytest.mark.parametrize("what", RECORDS)
def test_metadata_that_breaks_the_contract_is_refused(what: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(joined(*parts(arrays(), RECORDS[what])))
    assert refusal(tmp_path / "file").code == "OUTPUTS-FORMAT"


def test_a_file_of_format_1_is_refused_by_its_name(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    record = json.dumps({**RECORD, "format": "cxredge-outputs-1"})
    save_file(only(*OUTPUT_NAMES[:3]), tmp_path / "file", metadata={"cxredge": record})
    error = refusal(tmp_path / "file")
    assert error.code == "OUTPUTS-FORMAT"
    assert "'cxredge-outputs-1', not cxredge-outputs-2" in error.cause


HEADERS: dict[str, Callable[[Header], object]] = {
    "no metadata": lambda h: h.pop("__metadata__"),
    "metadata of another kind": lambda h: h.update(__metadata__=[]),
    "metadata of another name": lambda h: h.update(__metadata__={"other": h["__metadata__"]["cxredge"]}),
    "metadata beside": lambda h: h["__metadata__"].update(other="x"),
    "metadata that is no text": lambda h: h["__metadata__"].update(cxredge={}),
    "no logits": lambda h: h.pop("logits"),
    "an unknown array": lambda h: h.update(probabilities=h.pop("quality")),
    "a name of 11,000 characters": lambda h: h.update({"x" * 11_000: h.pop("quality")}),
    "a name with escapes": lambda h: h.update({"\x1b[2J": h.pop("quality")}),
    "no dtype": lambda h: h["cam"].pop("dtype"),
    "a key more": lambda h: h["cam"].update(more=1),
    "another dtype": lambda h: h["cam"].update(dtype="I32"),
    "a dtype as a list": lambda h: h["cam"].update(dtype=["F32"]),
    "no array": lambda h: h.update(cam=None),
    "a shape as text": lambda h: h["cam"].update(shape="5344"),
    "a truth value for a size": lambda h: h["cam"].update(shape=[5, 3, True, 16]),
    "a float for a size": lambda h: h["cam"].update(shape=[5.0, 3, 4, 4]),
    "text for a size": lambda h: h["cam"].update(shape=["5", 3, 4, 4]),
    "negative sizes": lambda h: h["cam"].update(shape=[-5, -3, 4, 4]),
    "a huge size": lambda h: h["cam"].update(shape=[10**4000, 3, 4, 4]),
    "many sizes": lambda h: h["cam"].update(shape=[2] * 4_000),
    "other sizes": lambda h: h["cam"].update(shape=[5, 3, 4, 6]),
    "no film": lambda h: [h[name]["shape"].__setitem__(0, 0) for name in OUTPUT_NAMES],
    "one offset": lambda h: h["cam"].update(data_offsets=[60]),
    "three offsets": lambda h: h["cam"]["data_offsets"].append(0),
    "offsets backwards": lambda h: h["cam"]["data_offsets"].reverse(),
    "negative offsets": lambda h: h["logits"].update(data_offsets=[-60, 0]),
    "an overlap": lambda h: h["novelty"].update(data_offsets=h["quality"]["data_offsets"]),
    "a gap": lambda h: h["quality"].update(data_offsets=[x + 4 for x in h["quality"]["data_offsets"]]),
    "an array left out": lambda h: h.pop("novelty"),
    "the last array left out": lambda h: h.pop("quality"),
}


@pytest.mark.parametrize("what", HEADERS)
def test_headers_that_break_the_contract_are_refused(what: str, tmp_path: Path) -> None:
    header, data = parts(arrays())
    HEADERS[what](header)
    (tmp_path / "file").write_bytes(joined(header, data))
    assert refusal(tmp_path / "file").code == "OUTPUTS-FORMAT"


def _twice(key: str) -> bytes:
    return joined(json.dumps(parts(arrays())[0]).replace(f'"{key}": ', f'"{key}": 1, "{key}": ', 1).encode(), DATA)


DATA = parts(arrays())[1]
WHOLE = joined(*parts(arrays()))
FILES = {
    "nothing": b"",
    "seven bytes": b"\x01" + bytes(6),
    "no header": bytes(8),
    "a header beyond the end": (2**63).to_bytes(8, "little") + WHOLE[8:],
    "a header to the end": (len(WHOLE) - 8).to_bytes(8, "little") + WHOLE[8:],
    "a long header": joined(json.dumps(parts(arrays())[0]).encode() + b" " * 16_384, DATA),
    "a list": joined([], DATA),
    "space before": joined(b" " + json.dumps(parts(arrays())[0]).encode(), DATA),
    "deep nesting": joined(b'{"a":' * 3_000, DATA),
    "no UTF-8": joined(b'{"\xff": 1}', DATA),
    "an array twice": _twice("logits"),
    "a shape twice": _twice("shape"),
    "metadata twice": _twice("__metadata__"),
    "a byte less": WHOLE[:-1],
    "a byte more": WHOLE + b"\0",
    "another kind of file": b"PK\x03\x04" + bytes(1000),
}


@pytest.mark.parametrize("what", FILES)
def test_files_that_are_none_are_refused(what: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(FILES[what])
    assert refusal(tmp_path / "file").code == "OUTPUTS-FORMAT"


def test_what_is_no_readable_file_is_refused_and_nothing_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe", tmp_path / "loop"):
        assert refusal(path).code == "OUTPUTS-FORMAT"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """One that fits its header, in a file of holes."""
    films = 2**38
    header = parts(only("logits"))[0]
    header["logits"] = {"dtype": "F32", "shape": [films, 1], "data_offsets": [0, 4 * films]}
    head = joined(header, b"")
    with (tmp_path / "file").open("wb") as stream:
        stream.write(head)
        stream.truncate(len(head) + 4 * films)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(tmp_path / "file").code == "OUTPUTS-FORMAT"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_what_could_not_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 20_000)
    with pytest.raises(InputError, match="OUTPUTS-FORMAT"):
        written(tmp_path / "file", arrays(films=20))
    read_outputs(written(tmp_path / "file", only("logits")))
