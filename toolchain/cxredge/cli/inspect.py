"""``cxredge inspect``: what a model file holds."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_wrapped, width


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help="List every operator instead of the ten most costly ones.")
@as_json
def inspect(model: Path, every: bool, as_json: bool) -> None:
    """Say what the file MODEL holds: inputs, outputs, operators, dtypes, weights and what each operator costs.

    MODEL may be from anywhere: it is parsed in a process with limits on time and memory, and no runtime loads it. Costs
    are computed from shapes, not timed. What a delegate takes is shown where the file says so; `cxredge verify` asks
    the runtimes.
    """
    from cxredge.report.inspection import text
    from cxredge.workflows.inspect import inspect_file

    found = inspect_file(model)
    if as_json:
        say_json(found)
    else:
        say_wrapped(text(found, every, width()))
