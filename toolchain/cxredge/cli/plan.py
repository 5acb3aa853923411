"""``cxredge plan``: what a build would do and why."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_table, say_wrapped


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--targets", help="Only these targets, comma-separated (default: the recipe's).")
@click.option("--schemes", help="Only these schemes, comma-separated (default: the recipe's).")
@as_json
def plan(recipe: Path, targets: str | None, schemes: str | None, as_json: bool) -> None:
    """Say what `cxredge build RECIPE` would do, step by step, with the reason for each step. Makes no artifact."""
    from cxredge.cli.listing import words
    from cxredge.workflows.plan import plan_build

    found = plan_build(recipe, words(targets), words(schemes))
    if as_json:
        say_json(found)
        return
    say_table(("step", "what", "why"), [(s.step, s.action, s.why) for s in found.steps])
    for line in found.left_out:
        say_wrapped(f"left out: {line}")
