"""``cxredge field``: what came back from devices."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
def field(logs: tuple[Path, ...]) -> int:
    """One line a field log of LOGS: device, bundle, self-test and latency.

    A log that cannot be read is reported with its code, the others go on, and the exit status is 2; it is 1 when a
    self-test failed.
    """
    from cxredge.device.field_log import read_field_log
    from cxredge.device.summary import HEADER, row
    from cxredge.errors import EXIT_GATE, EXIT_GOOD, EXIT_MISUSE, CxrError
    from cxredge.report.table import as_text

    rows, failed, refused = [], False, False
    for path in logs:
        try:
            log = read_field_log(path)
        except CxrError as error:
            refused = True
            click.echo(f"{path}\n{error.text()}", err=True)
            continue
        failed = failed or not log.self_test.passed
        rows.append(row(log))
    if rows:
        click.echo(as_text(HEADER, rows))
    return EXIT_MISUSE if refused else EXIT_GATE if failed else EXIT_GOOD
