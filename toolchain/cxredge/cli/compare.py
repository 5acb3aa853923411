"""``cxredge compare``: Core ML against the evaluator, on a Mac."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import say, say_json


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON instead of a table.")
def compare(bundle: Path, as_json: bool) -> None:
    """Run BUNDLE's Core ML artifacts by Core ML and by the evaluator, on the self-test inputs: how far do they differ?

    Needs a Mac. Elsewhere the evaluator alone is what `verify` uses, and says so.
    """
    from cxredge.report.table import as_text
    from cxredge.results import number
    from cxredge.workflows.compare import compare_bundle

    found = list(compare_bundle(bundle))
    if as_json:
        say_json([d.model_dump(mode="json") for d in found])
        return
    header = ("artifact", "output", "max difference", "largest value", "SQNR dB")
    say(
        as_text(
            header, [(d.artifact, d.output, number(d.max_abs), number(d.largest), number(d.sqnr_db)) for d in found]
        )
    )
