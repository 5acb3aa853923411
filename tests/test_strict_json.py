"""Bounded, strict JSON."""

from __future__ import annotations

import pytest

from cxredge.strict_json import MAX_DEPTH, MAX_DIGITS, other_version, parse


def test_values_are_those_of_json() -> None:
    assert parse(b' {"a": [1, 2.5, "\xc3\xa9", null, true, {}]} ', 100) == {"a": [1, 2.5, "é", None, True, {}]}
    assert parse(rb'["\ud83d\ude00", "\\ud800"]', 100) == ["😀", "\\ud800"]
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
        rb'["\ud800"]',
        rb'["\uDFFF\uD83D"]',
        rb'{"a": {"x\udc80": 1}}',
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(data, 100_000)


@pytest.mark.parametrize("text", ["N", "[-N]", '{"device": {"memory_mb": N}}'])
def test_a_number_has_at_most_a_thousand_digits(text: str) -> None:
    parse(text.replace("N", "9" * MAX_DIGITS).encode(), 100_000)
    with pytest.raises(ValueError, match=r"^a number has 1001 digits, above 1000$"):
        parse(text.replace("N", "9" * (MAX_DIGITS + 1)).encode(), 100_000)


@pytest.mark.parametrize(
    ("tree", "other"),
    [
        ({"v": 2}, None),
        ({"v": 3}, ("3", True)),
        ({"v": 1}, ("1", False)),
        ({"v": 2.0}, ("2.0", False)),
        ({"v": True}, ("True", False)),
        ({"v": "3"}, ("'3'", False)),
        ({"v": "\x1b" * 900}, (ascii("\x1b" * 900)[:200], False)),
        ({}, ("None", False)),
        ([2], ("None", False)),
    ],
)
def test_another_version_is_told_with_whether_it_is_newer(tree: object, other: tuple[str, bool] | None) -> None:
    assert other_version(tree, "v", 2) == other
