"""Climbing: the cheapest rung that keeps the gates, in few attempts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxredge.workflows.precision_order import CHEAPEST, Rung, climb


def walk(
    schemes: Sequence[str], groups: Sequence[tuple[str, ...]], keeps: Callable[[Rung], bool]
) -> tuple[Rung | None, list[Rung]]:
    tried: list[Rung] = []
    steps = climb(schemes, lambda: groups)  # type: ignore[arg-type]
    try:
        rung = next(steps)
        while True:
            tried.append(rung)
            rung = steps.send(keeps(rung))
    except StopIteration as end:
        return end.value, tried


def test_plain_int8_that_holds_asks_for_nothing_else() -> None:
    asked: list[int] = []

    def groups() -> Sequence[tuple[str, ...]]:
        asked.append(1)
        return []

    steps = climb(CHEAPEST, groups)
    assert next(steps) == Rung("w8a8")
    with pytest.raises(StopIteration) as end:
        steps.send(True)
    assert (end.value.value, asked) == (Rung("w8a8"), [])


@given(st.integers(1, 100), st.data())
def test_the_fewest_groups_are_found_in_few_attempts(count: int, data: st.DataObject) -> None:
    needed = data.draw(st.integers(1, count))
    groups = [(f"m{i}", f"m{i + 1}") for i in range(count)]
    best, tried = walk(CHEAPEST, groups, lambda rung: set(rung.keep) >= {n for g in groups[:needed] for n in g})
    assert best is not None
    assert best.keep == tuple(f"m{i}" for i in range(needed + 1)), "each module once, in the order of the groups"
    assert best in tried
    assert len(tried) <= 2 + 2 * math.ceil(math.log2(count + 1))
    assert len(set(tried)) == len(tried), "nothing is tried twice"


def test_dearer_schemes_follow_when_no_group_helps() -> None:
    groups = [("a",), ("b",), ("c",)]
    best, tried = walk(("fp32", "w8a8", "w8"), groups, lambda rung: rung.scheme == "fp32")
    assert best == Rung("fp32")
    assert [r.scheme for r in tried][-2:] == ["w8", "fp32"]
    assert tried[-3] == Rung("w8a8", ("a", "b", "c"))
    assert walk(("w8a8", "w8"), groups, lambda rung: False)[0] is None
    assert walk(("w8a8",), [], lambda rung: False) == (None, [Rung("w8a8")])
