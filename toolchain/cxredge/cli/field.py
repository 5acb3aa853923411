"""``cxredge field``: what came back from devices."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from cxredge.cli.output import as_json, say, say_json, say_wrapped


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json
def field(logs: tuple[Path, ...], as_json: bool) -> int:
    """One row a field log of LOGS (folders are searched): device, bundle, latency, and what became of it.

    A log that cannot be read is reported with its code, the others go on, and the exit status is 2; it is 1 when a
    self-test failed, a bundle was refused at the start, or an app crashed.
    """
    from cxredge.device.log_files import read_all
    from cxredge.device.summary import HEADER, row, went_wrong
    from cxredge.errors import EXIT_GATE, EXIT_GOOD, EXIT_MISUSE, printable
    from cxredge.progress import track
    from cxredge.report.fitted import as_listed_text

    records: list[object] = []
    rows: list[tuple[str, ...]] = []
    refused = wrong = False
    for found in track(read_all(logs), "field"):
        log, error = found.log, found.error
        if log is not None:
            wrong = wrong or went_wrong(log)
            rows.append(row(found.path, log))
        if error is not None:
            refused = True
            if not as_json:
                say_wrapped(f"{printable(str(found.path))}\n{error.text()}", err=True)
        records.append({"path": str(found.path), "log": log, "error": error and error.record()})
    if as_json:
        say_json(records)
    elif rows:
        say(as_listed_text(HEADER, rows, shutil.get_terminal_size().columns))
    return EXIT_MISUSE if refused else EXIT_GATE if wrong else EXIT_GOOD
