"""``cxredge distill``: train a recipe's student from its teacher."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import say


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--resume/--fresh",
    default=True,
    help="Go on after the last whole epoch (the default), or drop old checkpoints and start over.",
)
def distill(recipe: Path, resume: bool) -> None:
    """Train RECIPE's teacher and student, and write weights, results.json and thresholds beside and into it.

    RECIPE is a folder that holds model.yaml, or the file. Checkpoints go to build/distill/<name>/.
    """
    from cxredge.distill.run import distill as run

    try:
        result = run(recipe, Path("build/distill"), fresh=not resume)
    except KeyboardInterrupt:
        say("stopped; the last whole epoch is kept: the same command goes on from there", err=True)
        raise
    test = result.student.test
    teacher = result.teacher.test
    say(f"{result.name}: weights {result.weights_sha256[:12]}, {result.student.parameters} parameters")
    if test.macro_auc is None or teacher.macro_auc is None:
        say("test: too few cases of every label for an AUC")
    else:
        say(f"test, mean AUC of {test.labels_scored} labels:")
        say(f"  student {test.macro_auc:.3f}, teacher {teacher.macro_auc:.3f}")
    if test.accuracy is not None and teacher.accuracy is not None:
        say("test, share of films whose class has the greatest logit:")
        say(f"  student {test.accuracy:.3f}, teacher {teacher.accuracy:.3f}")
    if result.chance is not None:
        say(f"test, the student: {result.chance.words}")
    say(result.statement)
