from __future__ import annotations

import pytest

from cxredge.parity.paired import mean_auc
from cxredge.parity.subgroups import subgroups
from cxredge.results import BootstrapSpec
from parity.synthetic import independent, pair

SHORT = BootstrapSpec(resamples=200, level=0.95, seed=1)
RULE = independent([0, 0.5, 1])


def test_parts_are_measured_as_if_alone() -> None:
    cells = ({"view": "AP", "sex": "F"}, {"view": "PA", "sex": "F"})
    whole = pair(300, error=1, films_each=1, columns=cells)
    flips = RULE.flips(whole)
    found = subgroups(RULE, whole, flips, SHORT)
    assert [(part.column, part.value) for part in found] == [("view", "AP"), ("view", "PA")]
    assert sum(part.flips for part in found) == len(flips) > 0
    for offset, part in enumerate(found):
        alone = whole.part(range(offset, 300, 2))
        assert (part.auc, part.labels_shown) == mean_auc(alone, SHORT)
        assert part.flips == len(RULE.flips(alone))
        assert (part.films, part.patients, part.decisions) == (150, 150, 450)


def test_small_parts_say_so() -> None:
    cells = ({"source": "a"},) * 99 + ({"source": "b"},)
    big, small = subgroups(RULE, pair(200, columns=cells), (), SHORT)
    assert (big.value, big.auc.too_few) == ("a", None)
    assert (small.films, small.labels_shown) == (2, 0)
    assert small.auc.too_few == "no label has 10 positive and 10 negative patients"


@pytest.mark.parametrize(
    ("cell", "band"),
    [
        ("0", "0-17"), ("17", "0-17"), ("17.9", "0-17"), ("18", "18-39"), ("39", "18-39"), ("40", "40-64"),
        ("64", "40-64"), ("65", "65+"), ("042Y", "40-64"), ("217M", "18-39"), ("030W", "0-17"), ("015d", "0-17"),
        ("120", "65+"), ("414", "unknown"), ("", "unknown"), (" 50 ", "40-64"), ("old", "unknown"), ("-3", "unknown"),
        ("nan", "unknown"),
    ],
)  # fmt: skip
def test_ages_come_in_bands(cell: str, band: str) -> None:
    other = "30" if band != "18-39" else "70"
    found = subgroups(RULE, pair(40, columns=({"age": cell}, {"age": other})), (), SHORT)
    assert {part.value for part in found} == {band, "18-39" if band != "18-39" else "65+"}


def test_bands_are_in_order_and_unknown_is_last() -> None:
    ages, sexes = ("70", "?", "50", "5", "30"), ("M", "F", "", "F", "M")
    cells = tuple({"age": age, "sex": sex} for age, sex in zip(ages, sexes, strict=True))
    found = subgroups(RULE, pair(100, columns=cells), (), SHORT)
    assert [p.value for p in found if p.column == "age"] == ["0-17", "18-39", "40-64", "65+", "unknown"]
    assert [p.value for p in found if p.column == "sex"] == ["F", "M", "unknown"]


def test_no_columns_no_parts() -> None:
    assert subgroups(RULE, pair(30), (), SHORT) == ()
