"""Damaged and forged field logs: none that breaks the contract is read, and none does anything but be refused."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cxredge.device.log_files import read_field_log
from cxredge.errors import InputError
from support.field_logs import LOG, changed, crash, fail, on_ios, refuse
from support.json_values import at, places

MUTANTS = 3_000
LOGS = (LOG, changed(refuse), changed(fail), changed(crash), changed(on_ios))
CODES = {"FIELD-SYNTAX", "FIELD-VERSION", "FIELD-SCHEMA", "FIELD-CONTRADICTION"}
OTHERS: dict[type, list[object]] = {
    str: [7, True, 0.5, {}, ["x"]],
    int: ["1", True, None, {}, [1]],
    float: ["0.5", False, {}, [0.5]],
    bool: [0, 1, "true", None, {}],
    dict: [[], "x", 1, True],
    list: [{}, "x", 1, None],
    type(None): [True, {}, [], "\n"],
}
"""Values of types that stand nowhere for a value of that type."""


def text_with(log: object, change: Callable[[Any], object]) -> bytes:
    copied = json.loads(json.dumps(log))
    change(copied)
    return json.dumps(copied).encode()


def put(place: tuple[str | int, ...], value: object) -> Callable[[Any], object]:
    return lambda log: at(log, place[:-1]).__setitem__(place[-1], value)


def chosen(rng: random.Random, log: object, kind: type) -> tuple[str | int, ...]:
    return rng.choice([place for place in places(log) if type(at(log, place)) is kind])


def without_a_key(rng: random.Random, log: object) -> bytes:
    place = rng.choice([p for p in places(log) if isinstance(p[-1], str)])
    return text_with(log, lambda copied: at(copied, place[:-1]).pop(place[-1]))


def with_a_key_more(rng: random.Random, log: object) -> bytes:
    place = rng.choice([(), *(p for p in places(log) if isinstance(at(log, p), dict))])
    key = rng.choice(["", "patient", "\x1b[2J", "k" * 11_000, "\ud800", "Passed", "__proto__"])
    return text_with(log, lambda copied: at(copied, place).update({key: 1}))


def with_a_key_twice(rng: random.Random, log: object) -> bytes:
    text = json.dumps(log)
    found = rng.choice(list(re.finditer(r'"(\w+)": ', text)))
    return (text[: found.start()] + f"{found[0]}{rng.choice(['null', '1', '{}'])}, " + text[found.start() :]).encode()


def with_another_type(rng: random.Random, log: object) -> bytes:
    place = rng.choice(list(places(log)))
    return text_with(log, put(place, rng.choice(OTHERS[type(at(log, place))])))


def with_two_values_swapped(rng: random.Random, log: object) -> bytes:
    first, second = chosen(rng, log, str), chosen(rng, log, int)
    return text_with(log, lambda copied: (put(first, at(log, second))(copied), put(second, at(log, first))(copied)))


def with_a_long_text(rng: random.Random, log: object) -> bytes:
    return text_with(log, put(chosen(rng, log, str), "a" * 11_000))


def with_an_escape(rng: random.Random, log: object) -> bytes:
    place = chosen(rng, log, str)
    words, cut = at(log, place), rng.randrange(len(at(log, place)) + 1)
    bad = rng.choice(["\x1b[2J", "\x9b", "\x00", "\x7f", "\n", "\ud800", "\udfff"])
    return text_with(log, put(place, words[:cut] + bad + words[cut:]))


def cut_off(rng: random.Random, log: object) -> bytes:
    text = json.dumps(log).encode()
    return text[: rng.randrange(len(text))]


def with_a_byte_that_json_has_nowhere(rng: random.Random, log: object) -> bytes:
    text = json.dumps(log).encode()
    place = rng.randrange(len(text) + 1)
    return text[:place] + bytes([rng.choice([*range(9), *range(14, 32), *range(128, 256)])]) + text[place:]


BREAKS = (
    without_a_key,
    with_a_key_more,
    with_a_key_twice,
    with_another_type,
    with_two_values_swapped,
    with_a_long_text,
    with_an_escape,
    cut_off,
    with_a_byte_that_json_has_nowhere,
)


def test_no_log_that_breaks_the_contract_is_read(tmp_path: Path) -> None:
    rng, path = random.Random(13), tmp_path / "log.json"
    codes = set()
    for number in range(MUTANTS):
        way, log = BREAKS[number % len(BREAKS)], LOGS[number // len(BREAKS) % len(LOGS)]
        path.write_bytes(way(rng, log))
        try:
            read_field_log(path)
        except InputError as error:
            codes.add(error.code)
            assert len(error.cause) < len(str(path)) + 700
        else:
            raise AssertionError(f"{way.__name__}: {path.read_bytes()[:4000]!r}")
    assert {"FIELD-SYNTAX", "FIELD-VERSION", "FIELD-SCHEMA"} <= codes <= CODES


def test_what_is_read_of_damaged_logs_is_what_stands_there(tmp_path: Path) -> None:
    rng, path = random.Random(31), tmp_path / "log.json"
    read = refused = 0
    for number in range(MUTANTS):
        data = bytearray(json.dumps(LOGS[number % len(LOGS)]).encode())
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            place = rng.randrange(len(data))
            way = rng.randrange(5)
            if way == 0:
                data[place] ^= 1 << rng.randrange(8)
            elif way == 1:
                data[place] = rng.choice(b'0123456789-+.eE"\\,:[]{} tfn\t')
            elif way == 2:
                del data[place : place + rng.randint(1, 40)]
            elif way == 3:
                data[place:place] = rng.choice([b"0", b"9", b" ", b"\\u0041", b"e3", b".5", b"null", b"\xc3\xa9", b"-"])
            else:
                end = place + rng.randint(1, 60)
                data[place:place] = data[place:end]
            data = data or bytearray(b" ")
        path.write_bytes(data)
        try:
            log = read_field_log(path)
        except InputError as error:
            refused += 1
            assert error.code in CODES
        else:
            read += 1
            assert log.model_dump(mode="json") == json.loads(data)
    assert read > 100
    assert refused > 1_000
