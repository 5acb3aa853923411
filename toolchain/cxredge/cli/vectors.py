"""``cxredge vectors``: generate the vectors that the apps are held to."""

from __future__ import annotations

import click


@click.command()
@click.argument("out", type=click.Path(file_okay=False))
def vectors(out: str) -> None:
    """Write what holds Kotlin and Swift to the same bytes and decisions into the folder OUT."""
    from pathlib import Path

    from cxredge.vectors.write import write_vectors

    cases = write_vectors(Path(out))
    click.echo(f"{cases} cases in {Path(out) / 'vectors.json'} and {Path(out) / 'decisions.json'}")
