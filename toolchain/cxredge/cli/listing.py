"""What several commands share: comma-separated words and paths in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import say_json, say_table, say_wrapped

if TYPE_CHECKING:
    from cxredge.evidence_chance import Chance
    from cxredge.results import Artifact, Verdict


def words(text: str | None) -> tuple[str, ...]:
    """``"a, b"`` as ("a", "b"); nothing for None. Raises UsageError where a word is empty."""
    found = () if text is None else tuple(part.strip() for part in text.split(","))
    if "" in found:
        raise click.UsageError(f"{text!r} is no list of words with commas between them")
    return found


def say_chance(chance: Chance | None) -> None:
    """That the student itself is no better than chance, on stderr; nothing where it is better."""
    if chance is not None and chance.standing != "better":
        say_wrapped(f"the float32 student: {chance.words}", err=True)


def say_unwritten(keys: Sequence[str]) -> None:
    """That texts of the recipe are nobody's yet, on stderr; nothing where all are written."""
    if keys:
        say_wrapped(
            f"model.yaml still says EDIT in {', '.join(keys)}: write them before anybody gets the bundle", err=True
        )


def print_table(judged: Iterable[tuple[Artifact, Verdict]]) -> None:
    """The results table, and what its artifacts do not tell of a film."""
    from cxredge.report import table

    pairs = list(judged)
    say_table(*table.shown(pairs))
    for line in table.notes(artifact for artifact, _ in pairs):
        say_wrapped(line)


def print_verdicts(judged: Iterable[tuple[Artifact, Verdict]], as_json: bool) -> None:
    """The results table, or the verdicts as a JSON list."""

    if as_json:
        say_json([verdict for _, verdict in judged])
    else:
        print_table(judged)
