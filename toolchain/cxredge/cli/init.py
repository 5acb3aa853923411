"""``cxredge init``: a whole recipe from a data set's table."""

from __future__ import annotations

import click

from cxredge.cli.output import as_json, say_json
from cxredge.cli.output import say_wrapped as say
from cxredge.errors import counted


@click.command()
@click.argument("data")
@click.option("--name", required=True, help="Of the recipe: it goes to model_zoo/NAME, which must not be there yet.")
@click.option("--label-column", help="Column with each film's class, where several could be meant.")
@click.option("--labels", help="0/1 columns that are the labels, comma-separated, where not all or none are meant.")
@click.option(
    "--size",
    default=224,
    show_default=True,
    type=click.IntRange(32, 1024),
    help="Height and width of the films that the student sees, in pixels.",
)
@as_json
def init(data: str, name: str, label_column: str | None, labels: str | None, size: int, as_json: bool) -> None:
    """Write a whole recipe, with comments, for the data set DATA: a folder with labels.csv under CXR_DATA.

    It loads as it is, and is to be read: lines with EDIT say what no table can tell. Weights and thresholds are
    written by `cxredge distill`.
    """
    from cxredge.cli.listing import words
    from cxredge.errors import printable, some_of
    from cxredge.workflows.init import init_recipe

    place, found = init_recipe(data, name, label_column, words(labels), size)
    if as_json:
        from cxredge.cli.answers import SplitSize, Started

        say_json(
            Started(
                recipe=str(place),
                labels=found.labels,
                left_out=found.left_out,
                uncertain=found.uncertain,
                unlabelled=found.unlabelled,
                splits={
                    split: SplitSize(films=count.films, patients=count.patients, positives=count.positives)
                    for split, count in found.counts.items()
                },
                calibration=found.calibration,
            )
        )
        return
    where = printable(str(place))
    kind = "independent findings" if found.labels.kind == "multi-label" else "exclusive classes"
    say(f"{where}/model.yaml: {len(found.labels.names)} {kind}, {', '.join(found.labels.names)}")
    if found.left_out:
        say(f"  left out, as no finding: {', '.join(found.left_out)} (--labels takes it)")
    for what, key, films in (
        ("-1 (uncertain)", "labels.uncertain", found.uncertain),
        ("an empty cell", "labels.unlabelled", found.unlabelled),
    ):
        if films:
            told = some_of([f"{label} {count:,}" for label, count in films.items()], most=12)
            say(f"  train films with {what}: {told}; the recipe has to say what that counts as: {key}")
    for split, count in found.counts.items():
        say(f"  {split}: {counted(count.films, 'film')} of {counted(count.patients, 'patient')}")
    if found.counts["val"].films < found.calibration:
        say(f"  a build needs {found.calibration} val films")
    say("edit the lines with EDIT, then:")
    say(f"  cxredge distill {where}")
    say(f"  cxredge plan {where}")
    say(f"  cxredge build {where}")
