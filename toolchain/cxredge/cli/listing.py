"""What several commands share: comma-separated words and paths in, verdicts out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import say, say_json

if TYPE_CHECKING:
    from cxredge.results import Artifact, Verdict


class NamedPath(click.Path):
    """A path that names something: "", which an unset variable of a shell leaves, would be this folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """As click's own. Raises BadParameter for an empty path."""
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


def words(text: str | None) -> tuple[str, ...]:
    """``"a, b"`` as ("a", "b"); nothing for None."""
    return tuple(w for w in (part.strip() for part in (text or "").split(",")) if w)


def print_table(judged: Iterable[tuple[Artifact, Verdict]]) -> None:
    """The results table."""
    from cxredge.report import table

    say(table.as_text(*table.shown(judged)))


def print_verdicts(judged: Iterable[tuple[Artifact, Verdict]], as_json: bool) -> None:
    """The results table, or the verdicts as a JSON list."""

    if as_json:
        say_json([v.model_dump(mode="json") for _, v in judged])
    else:
        print_table(judged)
