"""``cxredge thresholds``: choose a trained student's operating points, or least margin, by the recipe's rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import as_json, say_json, say_table

if TYPE_CHECKING:
    from cxredge.distill.rechoose import Rechosen

FEW = "too few films with or without the finding"


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@as_json
def thresholds(recipe: Path, as_json: bool) -> None:
    """Choose thresholds of decisions, novelty and quality on RECIPE's validation films, and write them into it.

    Independent findings get operating points by operating_rules, exclusive classes a least margin by margin_rule. For a
    student that was trained elsewhere, or after a change of the rules. The weights stay as they are.
    """
    from cxredge.distill.ready import ready_to_choose

    ready_to_choose(recipe)
    from cxredge.distill.rechoose import choose_thresholds

    found = choose_thresholds(recipe)
    if as_json:
        from cxredge.cli.answers import Chosen

        chosen = found.chosen
        say_json(
            Chosen(
                recipe=str(recipe),
                operating_points=dict(chosen.points),
                least_margin=chosen.margin,
                novelty=chosen.novelty,
                quality=chosen.quality,
            )
        )
        return
    before, now = found.before.novelty, found.chosen.novelty
    rows = _decision(found)
    if before is not None and now is not None:
        rows.append(("novelty", f"{before.threshold:g}", f"{now.threshold:g}", now.rule))
    old, new = found.before.quality, found.chosen.quality
    if old is not None and new is not None:
        rows += [
            (f"quality {kind}", f"{old.thresholds[kind]:g}", f"{new.thresholds[kind]:g}", new.rule)
            for kind in new.thresholds
        ]
    say_table(("label", "before", "now", "rule"), rows)


def _decision(found: Rechosen) -> list[tuple[str, str, str, str]]:
    """The least margin's row, or one an operating point."""
    from cxredge.recipe_decision import NOT_JUDGED

    before, margin, points = found.before.least_margin, found.chosen.margin, found.chosen.points
    if before is not None and margin is not None:
        return [("least margin", f"{before.log_odds:g}", f"{margin.log_odds:g}", margin.rule)]
    old, labels = found.before.operating_points, found.before.labels
    return [
        (k, f"{old[k].logit:g}", f"{points[k].logit:g}", points[k].rule)
        if k in points
        else (k, f"{old[k].logit:g}", "stays", NOT_JUDGED if k in labels.not_judged else FEW)
        for k in labels.names
    ]
