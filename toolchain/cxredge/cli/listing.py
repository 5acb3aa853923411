"""What several commands share: comma-separated words in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cxredge.results import Artifact, Verdict


def words(text: str | None) -> tuple[str, ...]:
    """``"a, b"`` as ("a", "b"); nothing for None."""
    return tuple(w for w in (part.strip() for part in (text or "").split(",")) if w)


def print_table(judged: Iterable[tuple[Artifact, Verdict]]) -> None:
    """The results table."""
    from cxredge.report import table

    click.echo(table.as_text(*table.shown(judged)))


def print_verdicts(judged: Iterable[tuple[Artifact, Verdict]], as_json: bool) -> None:
    """The results table, or the verdicts as a JSON list."""
    from cxredge.files import canonical_json

    if as_json:
        click.echo(canonical_json([v.model_dump(mode="json") for _, v in judged]), nl=False)
    else:
        print_table(judged)
