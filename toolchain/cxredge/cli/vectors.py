"""``cxredge vectors``: generate the preprocessing vectors."""

from __future__ import annotations

import click


@click.command()
@click.argument("out", type=click.Path(file_okay=False))
def vectors(out: str) -> None:
    """Write the stage-wise preprocessing vectors shared with Kotlin and Swift into the folder OUT."""
    from pathlib import Path

    from cxredge.vectors.write import write_vectors

    cases = write_vectors(Path(out))
    click.echo(f"{cases} cases in {Path(out) / 'vectors.json'}")
