"""``cxredge distill``: train a recipe's student from its teacher."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json
from cxredge.cli.output import say_wrapped as say
from cxredge.errors import counted


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--profile",
    default="small",
    metavar="NAME",
    help="Teach it as this profile of the recipe says, as a recipe of its own in build/zoo/<name>-<profile>/; small: "
    "as the recipe itself says.",
)
@click.option(
    "--resume/--fresh",
    default=True,
    help="Go on from the last checkpoint (the default), or drop old checkpoints and start over.",
)
@as_json
def distill(recipe: Path, profile: str, resume: bool, as_json: bool) -> None:
    """Train RECIPE's teacher and student, and write weights, results.json and thresholds beside and into it.

    RECIPE is a folder that holds model.yaml, or the file. Checkpoints and logs go to build/distill/<name>/. With
    several processes or machines: torchrun --nproc-per-node=8 -m cxredge distill RECIPE.
    """
    from cxredge.distill.ready import ready_to_train
    from cxredge.workflows.profiled import profiled

    # before the import of PyTorch, which takes longer than most refusals are worth
    work = Path("build/distill")
    recipe = profiled(recipe, profile, Path("build/zoo"))
    ready_to_train(recipe, work)
    from cxredge.distill.run import distill as run

    result = run(recipe, work, fresh=not resume)
    if result is None:
        return  # the first of several processes speaks
    if as_json:
        say_json(result)
        return
    test = result.student.test
    teacher = result.teacher.test
    say(f"{result.name}: weights {result.weights_sha256[:12]}, {result.student.parameters} parameters")
    if test.macro_auc is None or teacher.macro_auc is None:
        say("test: too few cases of every label for an AUC")
    else:
        say(f"test, mean AUC of {counted(test.labels_scored, 'label')}:")
        say(f"  student {test.macro_auc:.3f}, teacher {teacher.macro_auc:.3f}")
    if test.accuracy is not None and teacher.accuracy is not None:
        say("test, share of films whose class has the greatest logit:")
        say(f"  student {test.accuracy:.3f}, teacher {teacher.accuracy:.3f}")
    if result.lost is not None:
        say("test, lost to the teacher (less than 0 is a gain):")
        say(f"  {result.lost.words}")
    if result.chance is not None:
        say(f"test, the student: {result.chance.words}")
    say(result.statement)
