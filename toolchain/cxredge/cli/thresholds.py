"""``cxredge thresholds``: choose a trained student's operating points by the recipe's rules."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
def thresholds(recipe: Path) -> None:
    """Choose operating points and the novelty threshold on RECIPE's validation films, and write them into it.

    For a student that was trained elsewhere, or after a change of operating_rules. The weights stay as they are.
    """
    from cxredge.distill.rechoose import choose_thresholds
    from cxredge.report.table import as_text

    found = choose_thresholds(recipe)
    old = found.before.operating_points
    rows = [
        (k, f"{old[k].logit:g}", f"{found.points[k].logit:g}", found.points[k].rule)
        if k in found.points
        else (k, f"{old[k].logit:g}", "stays", "too few films with or without the finding")
        for k in found.before.labels.names
    ]
    novelty = found.before.novelty.threshold, found.novelty
    rows.append(("novelty", f"{novelty[0]:g}", f"{novelty[1].threshold:g}", novelty[1].rule))
    click.echo(as_text(("label", "before", "now", "rule"), rows))
