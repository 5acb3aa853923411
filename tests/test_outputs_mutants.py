"""Damaged and forged outputs files: none that breaks the contract is read, and none does anything but be refused."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np

from cxredge.errors import InputError
from cxredge.outputs import OUTPUT_NAMES, read_outputs
from support.json_values import at, places
from support.outputs_files import RECORD, Header, arrays, joined, parts

MUTANTS = 3_000
HEADER, DATA = parts(arrays())
WHOLE = joined(HEADER, DATA)
OTHERS: dict[type, list[object]] = {
    str: [7, True, {}, ["x"], None, "", "x", "\x1b[2J", "a" * 11_000, "\ud800"],
    int: ["1", 1.5, True, None, {}, [1], -1, 10**30, 17],
    list: [{}, "x", 1, None, [], [1, 2, 3, 4, 5]],
    dict: [[], "x", 1, None, {}],
}
"""Values that stand nowhere for a value of that type in the header."""
WRONG: dict[str, list[object]] = {
    "format": ["cxredge-outputs-1", "", None, 2, []],
    "artifact": ["a" * 11_000, "w8a8", "TFLITE/W8A8", "tflite/w8a8\n", "a/b/c", None, True, []],
    "artifact_sha256": ["a" * 63, "A" * 64, "g" * 64, ["a" * 64], 1, None],
    "films_sha256": ["a" * 65, "", {}, 0.5, False],
    "runtime": ["", "x" * 81, "\x1b[2J", "\x9b", "a\nb", "a\u202eb", "\udfff", None, 1],
}


def copied() -> Header:
    return json.loads(json.dumps(HEADER))


def cut(rng: random.Random) -> bytes:
    begin = rng.randrange(len(WHOLE))
    return WHOLE[:begin] + WHOLE[rng.randint(begin + 1, len(WHOLE)) :]


def inserted(rng: random.Random) -> bytes:
    place = rng.randrange(len(WHOLE) + 1)
    return WHOLE[:place] + rng.randbytes(rng.randint(1, 40)) + WHOLE[place:]


def of_another_length(rng: random.Random) -> bytes:
    data = bytearray(WHOLE)
    data[rng.randrange(8)] ^= rng.randrange(1, 256)
    return bytes(data)


def with_another_value(rng: random.Random) -> bytes:
    header = copied()
    place = rng.choice(list(places(header)))
    parent = at(header, place[:-1])
    value = parent[place[-1]]
    parent[place[-1]] = rng.choice([other for other in OTHERS[type(value)] if other != value])
    return joined(header, DATA)


def with_two_values_swapped(rng: random.Random) -> bytes:
    header = copied()
    first, second = rng.sample([place for place in places(header) if len(place) == 3], 2)
    while at(header, first) == at(header, second):
        first, second = rng.sample([place for place in places(header) if len(place) == 3], 2)
    one, two = at(header, first), at(header, second)
    at(header, first[:-1])[first[-1]], at(header, second[:-1])[second[-1]] = two, one
    return joined(header, DATA)


def without_a_key(rng: random.Random) -> bytes:
    header = copied()
    place = rng.choice([place for place in places(header) if isinstance(place[-1], str)])
    del at(header, place[:-1])[place[-1]]
    return joined(header, DATA)


def with_a_key_more(rng: random.Random) -> bytes:
    header = copied()
    place = rng.choice([(), *(place for place in places(header) if isinstance(at(header, place), dict))])
    at(header, place)[rng.choice(["", "more", "\x1b[2J", "k" * 11_000, "Logits"])] = rng.choice([1, "x", None, {}])
    return joined(header, DATA)


def with_a_key_twice(rng: random.Random) -> bytes:
    text = json.dumps(HEADER)
    found = rng.choice(list(re.finditer(r'(?<=[{ ])"(\w+)": ', text)))
    other = rng.choice(["null", "1", "{}", '"F32"'])
    return joined((text[: found.start()] + f"{found[0]}{other}, " + text[found.start() :]).encode(), DATA)


def with_another_record(rng: random.Random) -> bytes:
    record = dict(RECORD)
    key = rng.choice(list(WRONG))
    way = rng.randrange(4)
    if way == 0:
        del record[key]
    elif way == 1:
        record[rng.choice(["", "patient", "Format", "k" * 11_000])] = "x"
    else:
        record[key] = rng.choice(WRONG[key])
    text = json.dumps(record)
    if way == 2:
        text = json.dumps(RECORD).replace(f'"{key}": ', f'"{key}": {json.dumps(RECORD[key])}, "{key}": ')
    return joined(*parts(arrays(), text))


def with_another_size(rng: random.Random) -> bytes:
    header = copied()
    sizes = header[rng.choice(OUTPUT_NAMES)][rng.choice(["shape", "data_offsets"])]
    place = rng.randrange(len(sizes))
    others = (0, 1, 2, 7, 2**31, 2**32 + 5, 2**63, sizes[place] + 4)
    sizes[place] = rng.choice([other for other in others if other != sizes[place]])
    return joined(header, DATA)


def with_a_value_that_is_none(rng: random.Random) -> bytes:
    data = bytearray(DATA)
    place = 4 * rng.randrange(len(DATA) // 4)
    data[place : place + 4] = rng.choice([b"\x00\x00\x80\x7f", b"\x00\x00\x80\xff", b"\x01\x00\x80\x7f", b"\xff" * 4])
    return joined(HEADER, bytes(data))


BREAKS = (
    cut,
    inserted,
    of_another_length,
    with_another_value,
    with_two_values_swapped,
    without_a_key,
    with_a_key_more,
    with_a_key_twice,
    with_another_record,
    with_another_size,
    with_a_value_that_is_none,
)


def test_no_file_that_breaks_the_contract_is_read(tmp_path: Path) -> None:
    rng, path = random.Random(13), tmp_path / "file"
    codes = set()
    for number in range(MUTANTS):
        way = BREAKS[number % len(BREAKS)]
        path.write_bytes(way(rng))
        try:
            read_outputs(path)
        except InputError as error:
            codes.add(error.code)
            assert len(error.cause) < len(str(path)) + 500
        else:
            raise AssertionError(f"{way.__name__}: {path.read_bytes()[:600]!r}")
    assert codes == {"OUTPUTS-FORMAT", "RUN-OUTPUT"}


def test_what_is_read_of_damaged_files_is_what_the_library_reads(tmp_path: Path) -> None:
    """Flips of bytes anywhere, most of them in the header: a name or a value may have become another one."""
    from safetensors import safe_open

    rng, path, start = random.Random(31), tmp_path / "file", len(WHOLE) - len(DATA)
    in_header = in_data = refused = 0
    for number in range(MUTANTS):
        data = bytearray(WHOLE)
        places = range(8, start) if number % 3 else range(start, len(WHOLE))
        for _ in range(rng.choice([1, 1, 2, 3])):
            place = rng.choice(places)
            data[place] = data[place] ^ 1 << rng.randrange(8) if rng.random() < 0.5 else rng.randrange(256)
        path.write_bytes(data)
        try:
            back = read_outputs(path)
        except InputError as error:
            refused += 1
            assert error.code in ("OUTPUTS-FORMAT", "RUN-OUTPUT")
            continue
        in_header, in_data = (in_header + 1, in_data) if number % 3 else (in_header, in_data + 1)
        with safe_open(path, framework="np") as stream:
            (text,) = stream.metadata().values()
            names = set(stream.keys())
            found = {name: stream.get_tensor(name) for name in names}
        record = json.loads(text)
        assert record.pop("format") == RECORD["format"]
        assert {key: getattr(back, key) for key in record} == record
        assert set(back.outputs) == names == set(OUTPUT_NAMES)
        for name, array in back.outputs.items():
            assert array.shape == tuple(HEADER[name]["shape"])
            assert array.dtype == np.float32
            assert np.isfinite(array).all()
            np.testing.assert_array_equal(array, found[name])
    assert min(in_header, in_data) > 20
    assert refused > 1_000
