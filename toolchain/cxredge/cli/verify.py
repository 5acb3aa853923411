"""``cxredge verify``: run a bundle's artifacts again, and judge them again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="Host bundle that holds the reference, for a bundle that does not (android).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON instead of a table.")
def verify(bundle: Path, reference: Path | None, as_json: bool) -> int:
    """Check every file of BUNDLE, run every artifact on the held-out films, and judge it against the float32 student.

    Nothing is taken from a cache. Exit status 1 when a gate fails.
    """
    from cxredge.bundle.verify import verify_bundle
    from cxredge.cli.listing import print_verdicts
    from cxredge.errors import EXIT_GATE, EXIT_GOOD

    judged, passed = verify_bundle(bundle, reference)
    print_verdicts(judged, as_json)
    if not passed:
        click.echo("a gate failed", err=True)
    return EXIT_GOOD if passed else EXIT_GATE
