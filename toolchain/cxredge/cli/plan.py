"""``cxredge plan``: what a build would do and why."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import say, say_json


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--targets", help="Only these targets, comma-separated (default: the recipe's).")
@click.option("--schemes", help="Only these schemes, comma-separated (default: the recipe's).")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON instead of text.")
def plan(recipe: Path, targets: str | None, schemes: str | None, as_json: bool) -> None:
    """Say what `cxredge build RECIPE` would do, step by step, with the reason for each step. Makes no artifact."""
    from cxredge.cli.listing import words
    from cxredge.report.table import as_text
    from cxredge.workflows.plan import plan_steps

    steps = plan_steps(recipe, words(targets), words(schemes))
    if as_json:
        say_json([s.model_dump(mode="json") for s in steps])
    else:
        say(as_text(("step", "what", "why"), [(s.step, s.action, s.why) for s in steps]))
