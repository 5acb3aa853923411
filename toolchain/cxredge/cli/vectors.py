"""``cxredge vectors``: generate the vectors that the apps are held to."""

from __future__ import annotations

import click

from cxredge.cli.output import say


@click.command()
@click.argument("out", type=click.Path(file_okay=False))
def vectors(out: str) -> None:
    """Write what holds Kotlin and Swift to the same bytes and decisions into the folder OUT."""
    from pathlib import Path

    from cxredge.errors import printable
    from cxredge.vectors.write import write_vectors

    cases = write_vectors(Path(out))
    say(f"{cases} cases in vectors.json and decisions.json of {printable(out)}")
