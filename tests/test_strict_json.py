"""Bounded, strict JSON."""

from __future__ import annotations

import pytest

from cxredge.strict_json import MAX_DEPTH, parse


def test_values_are_those_of_json() -> None:
    assert parse(b' {"a": [1, 2.5, "\xc3\xa9", null, true, {}]} ', 100) == {"a": [1, 2.5, "é", None, True, {}]}
    nested = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert parse(nested, 1000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1,]",
        b"[1] [2]",
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "a": 2}}]',
        b"NaN",
        b"[-Infinity]",
        b"\xff",
        '"é"'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"9" * 5000,
        b"[" * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b" " * 100_001,
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(data, 100_000)
