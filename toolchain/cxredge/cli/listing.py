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


def print_verdicts(judged: Iterable[tuple[Artifact, Verdict]], as_json: bool) -> None:
    """The results table, or the verdicts as a JSON list."""
    from cxredge.files import canonical_json
    from cxredge.report import table

    pairs = list(judged)
    if as_json:
        click.echo(canonical_json([v.model_dump(mode="json") for _, v in pairs]), nl=False)
    else:
        click.echo(table.as_text(table.HEADER, table.rows(pairs)))
