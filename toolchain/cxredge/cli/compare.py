"""``cxredge compare``: Core ML against the evaluator, on a Mac."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_table


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@as_json
def compare(bundle: Path, as_json: bool) -> None:
    """Run BUNDLE's Core ML artifacts by Core ML and by the evaluator, on the self-test inputs: how far do they differ?

    Needs a Mac. Elsewhere the evaluator alone is what `verify` uses, and says so.
    """
    from cxredge.results import number
    from cxredge.workflows.compare import compare_bundle

    found = list(compare_bundle(bundle))
    if as_json:
        say_json(found)
        return
    header = ("artifact", "output", "max difference", "largest value", "SQNR dB")
    say_table(header, [(d.artifact, d.output, number(d.max_abs), number(d.largest), number(d.sqnr_db)) for d in found])
