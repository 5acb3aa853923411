"""``cxredge doctor``: what this machine can do, and how to fix the rest."""

from __future__ import annotations

import click

from cxredge.cli.output import say, say_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON instead of a table.")
def doctor(as_json: bool) -> int:
    """Say per target whether it can be built, run and verified on this machine; if not, why, and the fix.

    Exit status 3 when something is missing.
    """
    from cxredge.errors import EXIT_ENVIRONMENT, EXIT_GOOD
    from cxredge.report.table import as_text
    from cxredge.workflows.doctor import checks

    found = checks()
    if as_json:
        say_json([c.model_dump(mode="json") for c in found])
    else:
        cells = [(c.what, "yes" if c.good else "NO", c.why) for c in found]
        say(as_text(("check", "good", "why"), cells))
        for c in found:
            if not c.good:
                say(f"fix for {c.what}: {c.fix}")
    return EXIT_GOOD if all(c.good for c in found) else EXIT_ENVIRONMENT
