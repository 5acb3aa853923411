"""``cxredge phantom``: a data set of synthetic films to try the whole tool with."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cxredge.cli.output import as_json, say, say_json


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Seed of the phantoms.")
@click.option(
    "--patients", default=20, show_default=True, type=click.IntRange(3, 100_000), help="Phantom patients in all splits."
)
@as_json
def phantom(out: Path, seed: int, patients: int, as_json: bool) -> None:
    """Write phantom chest radiographs with labels and masks into the new folder OUT.

    The folder has the form of every data set (labels.csv, images/, SHA256SUMS), so that a recipe can name it:
    of the patients 60 % are train, 20 % val and 20 % test. Phantoms are synthetic; no person was imaged.
    """
    from cxredge.errors import InputError, printable
    from cxredge.files import fresh_directory, not_empty
    from cxredge.path_errors import writing
    from cxredge.phantoms.folder import write_folder
    from cxredge.phantoms.render import sample_patients
    from cxredge.recipe_data import PhantomData

    # resolved before the check: `cxredge phantom .` must not replace the folder that it runs in
    goal = Path(os.path.realpath(out))
    with writing(goal):
        taken = os.path.lexists(goal) and not_empty(goal)
    if taken:
        raise InputError(
            "DATA-EXISTS", f"{out} is already there and not empty", "choose a new folder, or remove this one"
        )
    held_out = max(1, patients // 5)
    films = sample_patients(
        PhantomData(
            source="phantom",
            seed=seed,
            patients={"train": patients - 2 * held_out, "val": held_out, "test": held_out},
        )
    )
    with fresh_directory(goal) as folder:
        write_folder(folder, films)
    if as_json:
        from cxredge.cli.answers import PhantomFolder

        say_json(PhantomFolder(folder=str(out), films=len(films), patients=patients))
        return
    say(f"{printable(str(out))}: {len(films)} phantom films of {patients} phantom patients")
