"""docs/words.md: every word of the glossary is used, and defined once."""

from __future__ import annotations

import re

import pytest

from support.command import ROOT
from support.pages import PAGES, page

ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page("words.md").splitlines() if "|" in line][2:]
WORDS = [row[0] for row in ROWS]
# a changelog goes on saying what nobody says any more
USED = (*(p for p in PAGES if p.name not in ("words.md", "CHANGELOG.md")), *sorted((ROOT / "toolchain").rglob("*.py")))


def plain(text: str) -> str:
    """Lower case, with blanks for underscores, hyphens and line ends: fork_server and "fork server" are one word."""
    return re.sub(r"[\s_-]+", " ", text.lower())


@pytest.fixture(scope="module")
def used() -> str:
    return "\n".join(plain(f"{path.stem} {path.read_text()}") for path in USED)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_glossary_is_used(word: str, used: str) -> None:
    assert re.search(rf"\b{re.escape(plain(word))}(s|d)?\b", used), f"nothing says {word!r} any more"


def test_a_word_is_defined_once_and_in_one_sentence() -> None:
    assert len(WORDS) > 40
    assert len(set(WORDS)) == len(WORDS)
    assert [row[0] for row in ROWS if len(row) != 3 or not all(row)] == []
    assert [row[0] for row in ROWS if ". " in row[1] or row[1].endswith(".")] == []
