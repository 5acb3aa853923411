"""``cxredge baselines``: a recipe's student beside other ways to make its teacher small."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_table
from cxredge.cli.output import say_wrapped as say


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--seeds", type=click.IntRange(1, 20), default=1, help="Train everything this often, by seeds in turn.")
@click.option(
    "--folds",
    type=click.IntRange(1, 20),
    default=1,
    help="Hold out this many folds of patients in turn, over the films of all splits; 1: the recipe's own split.",
)
@click.option(
    "--test-films",
    type=click.IntRange(1, 50_000),
    metavar="N",
    help="Of phantoms: draw a test split of N films to measure on.",
)
@click.option(
    "--resume/--fresh", default=True, help="Go on where an earlier run was (the default), or train everything anew."
)
@as_json
def baselines(recipe: Path, seeds: int, folds: int, test_films: int | None, resume: bool, as_json: bool) -> None:
    """Train and measure RECIPE's student distilled, and on hard labels alone, and its teacher pruned and quantised.

    RECIPE is a folder that holds model.yaml, or the file. All ways see the same films; differences have intervals over
    patients. Writes baselines.json beside the recipe; trainings go to build/baselines/<name>/.
    """
    from cxredge.baselines.possible import check_possible

    # before the import of PyTorch, which takes longer than most refusals are worth
    work = Path("build/baselines")
    check_possible(recipe, work, seeds, folds, test_films)
    from cxredge.baselines.compare_ways import baselines as run
    from cxredge.baselines.ways_table import ground, notes, table

    result = run(recipe, work, seeds, folds, test_films, fresh=not resume)
    if as_json:
        say_json(result)
        return
    say_table(*table(result))
    say(ground(result))
    for line in notes(result):
        say(line)
    say(result.finding)
    say(result.statement)
