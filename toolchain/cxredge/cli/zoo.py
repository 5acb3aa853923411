"""``cxredge zoo``: every model of the zoo in one table, and its card."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_table, say_wrapped


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("model_zoo"))
@click.option(
    "--built",
    type=click.Path(path_type=Path),
    help="Write what the bundles in this folder say, such as dist, into parity.json beside each recipe.",
)
@click.option("--cards", is_flag=True, help="Write CARD.md beside each recipe.")
@as_json
def zoo(folder: Path, built: Path | None, cards: bool, as_json: bool) -> None:
    """Say of every model in FOLDER, or of the one there, what it learnt from, how it scores, and how it was built.

    FOLDER is model_zoo if none is named. Figures come from results.json, parity.json, speed.json and baselines.json
    beside each recipe; nothing is run.
    """
    from cxredge.path_errors import shown
    from cxredge.zoo.built import write_built
    from cxredge.zoo.entry_card import write_cards
    from cxredge.zoo.reading import read_zoo
    from cxredge.zoo.rows import model_of, table

    entries = read_zoo(folder)
    if built is not None:
        written, left = write_built(entries, built)
        for line in (*(f"written: {shown(path)}" for path in written), *(f"left as it was: {words}" for words in left)):
            say_wrapped(line, err=True)
        entries = read_zoo(folder)
    if cards:
        for path in write_cards(entries):
            say_wrapped(f"written: {shown(path)}", err=True)
    models = [model_of(entry) for entry in entries]
    if as_json:
        say_json(models)
    else:
        say_table(*table(models))
