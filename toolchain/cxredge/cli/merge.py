"""``cxredge merge``: the shards of one verification, put together."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say, say_json


@click.command()
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the outputs of all films.")
@as_json
def merge(shards: tuple[Path, ...], out: Path, as_json: bool) -> int:
    """Put the folders SHARDS, which `cxredge verify --shard` wrote, together in OUT: byte for byte what one run writes.

    Every shard of one run, each once, in any order. Judge OUT with `cxredge verify --outputs`.
    """
    from cxredge.cli.shards import told, words
    from cxredge.errors import EXIT_GOOD
    from cxredge.workflows.merge import merge_shards

    record = merge_shards(shards, out)
    if as_json:
        say_json(told(out, record))
    else:
        say(words(out, record))
    return EXIT_GOOD
