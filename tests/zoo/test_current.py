"""The committed cards, and the README's table, are what the commands write."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.zoo.entry_card import card_of
from cxredge.zoo.reading import CARD, read_entry, read_zoo
from cxredge.zoo.rows import readme_table
from support.command import ROOT

PLACES = sorted(path.parent for path in (ROOT / "model_zoo").glob("*/model.yaml"))
TRACKED = [place for place in PLACES if (place / CARD).exists()]


def test_every_model_that_learnt_has_a_card() -> None:
    assert [place for place in PLACES if (place / "results.json").exists() and place not in TRACKED] == []
    assert len(TRACKED) >= 3


@pytest.mark.parametrize("place", TRACKED, ids=lambda place: place.name)
def test_the_card_is_current(place: Path) -> None:
    assert (place / CARD).read_text() == card_of(read_entry(place)), "run: cxredge zoo --cards"


def test_the_readmes_table_is_current() -> None:
    part = (ROOT / "README.md").read_text().partition("<!-- zoo:")[2].partition("<!-- /zoo -->")[0]
    table = part.partition("-->\n")[2].strip()
    assert table == readme_table(read_zoo(ROOT / "model_zoo")), "run: python benchmarks/readme_figures.py --zoo"
