"""``cxredge explain``: where an artifact loses what it loses."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_wrapped, width


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--artifact",
    metavar="TARGET/SCHEME",
    help="Which artifact (default: the first that broke a gate, else the primary one).",
)
@click.option("--films", default=8, show_default=True, help="How many of the calibration films to look at.")
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="Host bundle that holds the reference, for a bundle that does not (android).",
)
@as_json
def explain(bundle: Path, artifact: str | None, films: int, reference: Path | None, as_json: bool) -> None:
    """Hold every layer of one artifact of BUNDLE against the float32 student, in PyTorch's module names.

    For INT8, a simulation tells how much of the logits' error each layer makes, and which modules are worth keeping in
    float; the line that it ends with is for the recipe.
    """
    from cxredge.report.explanation import text
    from cxredge.workflows.explain import explain_artifact

    found = explain_artifact(bundle, artifact, films, reference)
    if as_json:
        say_json(found)
    else:
        say_wrapped(text(found, width()))
