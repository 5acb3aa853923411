"""Numbers with their nouns, as messages have them."""

from __future__ import annotations

import pytest

from cxredge.errors import counted


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "film", "1 film"),
        (0, "label", "0 labels"),
        (1000, "test film", "1,000 test films"),
        (1, "process", "1 process"),
        (2, "process", "2 processes"),
        (2, "batch", "2 batches"),
        (2, "epoch", "2 epochs"),
        (2, "entry", "2 entries"),
    ],
)
def test_one_and_many(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words
