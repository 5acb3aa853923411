"""``cxredge doctor``: what this machine can do, and how to fix the rest."""

from __future__ import annotations

import click

from cxredge.cli.output import as_json, say_json, say_table, say_wrapped


@click.command()
@as_json
def doctor(as_json: bool) -> int:
    """Say per target whether it can be built, run and verified on this machine; if not, why, and the fix.

    Exit status 3 when something is missing.
    """
    from cxredge.errors import EXIT_ENVIRONMENT, EXIT_GOOD
    from cxredge.workflows.doctor import checks

    found = checks()
    if as_json:
        say_json(found)
    else:
        cells = [(c.what, "yes" if c.good else "NO", c.why) for c in found]
        say_table(("check", "good", "why"), cells)
        for c in found:
            if not c.good:
                say_wrapped(f"fix for {c.what}: {c.fix}")
    return EXIT_GOOD if all(c.good for c in found) else EXIT_ENVIRONMENT
