"""``cxredge rebuild-check``: two builds from nothing give the same bytes, or where they do not."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say, say_json


@click.command("rebuild-check")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--targets", help="Only these targets, comma-separated (default: the recipe's).")
@click.option("--schemes", help="Only these schemes, comma-separated (default: the recipe's).")
@click.option(
    "--bundle",
    "bundles",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also compare with this bundle, signature apart: it was built of the same parts of RECIPE, perhaps elsewhere.",
)
@as_json
def rebuild_check(
    recipe: Path, targets: str | None, schemes: str | None, bundles: tuple[Path, ...], as_json: bool
) -> None:
    """Build RECIPE twice, without any kept work, in processes, caches and folders that have nothing in common.

    Every file of every bundle must be the same, byte for byte; else the first difference is named, and the exit status
    is 1. It takes as long as two first builds.
    """
    from cxredge.cli.listing import words
    from cxredge.errors import printable
    from cxredge.workflows.rebuild import rebuild

    found = rebuild(recipe, words(targets), words(schemes), bundles, lambda line: say(line, err=True))
    if as_json:
        from cxredge.cli.answers import SameBytes

        say_json([SameBytes(bundle=s.id, kind=s.kind, files=s.files, bytes=s.bytes) for s in found])
        return
    for same in found:
        say(f"{same.kind} bundle {same.id}: {same.files} files, {same.bytes} bytes, the same in both builds")
    for bundle in bundles:
        say(f"{printable(str(bundle))}: the same")
