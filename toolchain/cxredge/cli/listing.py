"""What several commands share: comma-separated words and paths in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import say, say_json, say_table, say_wrapped

if TYPE_CHECKING:
    from cxredge.evidence_chance import Chance
    from cxredge.report.next_steps import Judged, Surroundings
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


def around_recipe(
    recipe: Path, targets: str | None = None, out: Path | None = None, bundle: Path | None = None
) -> Surroundings:
    """What commands can name of a recipe's build. targets, out: its options. Raises what ``load_recipe`` raises."""
    from cxredge.recipe import recipe_path
    from cxredge.recipe_file import load_recipe
    from cxredge.report.next_steps import Surroundings
    from cxredge.workflows.precision import CHOSEN

    options = [] if targets is None else ["--targets", targets]
    options += [] if out is None else ["--out", str(out)]
    # the search would write the recipe that it reads
    chosen = recipe_path(recipe).name == CHOSEN
    return Surroundings(
        bundle=bundle,
        build=None if chosen else (recipe, *options),
        train=recipe if load_recipe(recipe).distill is not None else None,
    )


def say_next(judged: Iterable[Judged], here: Surroundings) -> None:
    """What to type where a gate was not kept, on stderr; nothing where all were."""
    from cxredge.report.next_steps import COMMAND, next_steps

    for line in next_steps(list(judged), here):
        # a command that is broken into lines would not run
        (say if line.startswith(COMMAND) else say_wrapped)(line, err=True)


def say_weak(verdicts: Iterable[Verdict]) -> None:
    """Gates that say little though they are kept."""
    from cxredge.results import weak_gates

    for line in weak_gates(verdicts):
        say_wrapped(f"weak gate: {line}")


def print_table(judged: Iterable[tuple[Artifact, Verdict]]) -> None:
    """The results table, and what its artifacts do not tell of a film."""
    from cxredge.report import table

    pairs = list(judged)
    say_table(*table.shown(pairs))
    for line in table.notes(artifact for artifact, _ in pairs):
        say_wrapped(line)
    say_weak(verdict for _, verdict in pairs)


def print_verdicts(judged: Iterable[tuple[Artifact, Verdict]], as_json: bool) -> None:
    """The results table, or the verdicts as a JSON list."""

    if as_json:
        say_json([verdict for _, verdict in judged])
    else:
        print_table(judged)
