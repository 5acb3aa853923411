"""Tables in terminals of any width: no line is longer, and nothing is lost."""

from __future__ import annotations

import pytest

from cxredge.report.fitted import as_fitted_text, as_listed_text
from cxredge.report.table import HEADER, as_text

VERDICTS = [
    ("executorch/fp32", "13,649,152", "1.000", *["118.2"] * (len(HEADER) - 5), "ExecuTorch", "kept"),
    (
        "coreml/w8a8",
        "3,782,044",
        "–",
        *["+0.0010 < 0.0034"] * (len(HEADER) - 5),
        "program semantics",
        "BROKEN: flip_rate 0.031 (bound 0.03); auc_loss 0.04 (bound 0.02)",
    ),
]
STEPS = [
    ("evaluation films", "do", "200 films of 106 patients: not yet preprocessed with this input spec"),
    ("judge", "do", "hold every artifact against the gates of phantom"),
]
NO_WORDS = [("a", "b" * 70, "c" * 70)]


def words(text: str) -> list[str]:
    return sorted(text.split())


@pytest.mark.parametrize("width", [132, 80, 60, 40, 20, 5])
@pytest.mark.parametrize(
    ("header", "cells"),
    [(HEADER, VERDICTS), (("step", "what", "why"), STEPS), (("a", "b", "c"), NO_WORDS), (HEADER, [])],
    ids=["verdicts", "steps", "long words", "empty"],
)
def test_no_line_is_longer_than_the_terminal(header: tuple[str, ...], cells: list[tuple[str, ...]], width: int) -> None:
    text = as_fitted_text(header, cells, width)
    assert max(map(len, text.split("\n"))) <= max(width, 20)
    if cells not in (NO_WORDS, []):
        # of what does not fit side by side, every row has the names of its columns
        said = words(text)
        assert all(said.count(word) >= sum(cell.split().count(word) for row in cells for cell in row) for word in said)
        assert {word for row in cells for cell in row for word in cell.split()} <= set(said)


@pytest.mark.parametrize("width", [None, 400])
def test_where_there_is_room_nothing_changes(width: int | None) -> None:
    assert as_fitted_text(HEADER, VERDICTS, width) == as_text(HEADER, VERDICTS)


def test_words_go_on_below_and_figures_stay_beside_each_other() -> None:
    wide, narrow = (as_fitted_text(("step", "what", "why"), STEPS, width).split("\n") for width in (60, 25))
    assert wide[1].startswith("evaluation films    do  200 films of")
    assert wide[2].startswith(" " * 24), "the words go on in their column"
    assert narrow[:2] == ["evaluation films", "  what  do"]


def test_a_log_of_several_outcomes_is_listed_in_any_terminal() -> None:
    header, row = (
        ("log", "device", "bundle", "benchmark", "outcome"),
        ("a.json", "Pixel 8", "b", "–", "passed\nREFUSED: X"),
    )
    assert max(map(len, as_listed_text(header, [row], 40).split("\n"))) <= 40
    assert "passed; REFUSED: X" in as_listed_text(header, [row], 40)
    assert "passed\n" in as_listed_text(header, [row], 80)
