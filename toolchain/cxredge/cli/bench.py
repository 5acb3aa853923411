"""``cxredge bench``: size, load time and latency of every artifact against eager, in one run."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_table, say_wrapped


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--rounds", type=click.IntRange(1, 1000), default=15, show_default=True, help="Rounds over all artifacts."
)
@as_json
def bench(bundle: Path, rounds: int, as_json: bool) -> None:
    """Measure every artifact of BUNDLE, with one thread and with all, against the eager float32 student.

    Rounds go over all artifacts in turn, so that a machine that slows down slows all of them. Times are of this
    machine; phones: not verified here. Needs a host bundle, which holds the student.
    """
    from cxredge.errors import counted
    from cxredge.report.table import BENCH_HEADER, bench_rows
    from cxredge.workflows.bench import measure

    found = []
    for figures in measure(bundle, rounds):
        found.append(figures)
        if not as_json:
            say_wrapped(f"\n{figures.bundle}, {counted(figures.threads, 'thread')}, {figures.machine}")
            say_table(BENCH_HEADER, bench_rows(figures))
            if figures.not_timed:
                say_wrapped(f"not timed, as their runtime is not on this machine: {', '.join(figures.not_timed)}")
    if as_json:
        say_json(found)
