"""``cxredge quality``: give a student that exists the output for films that were exported or held wrongly."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_table, say_wrapped
from cxredge.errors import counted


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@as_json
def quality(recipe: Path, as_json: bool) -> None:
    """Fit RECIPE's quality head to its training films and their accidents, and choose thresholds on validation films.

    The head says how likely a film is inverted, upside down, turned or mirrored. Nothing is trained, and all other
    answers stay. Writes weights, recipe and the record beside it. Takes some two minutes of processor time for a small
    network and 800 films.
    """
    from cxredge.distill.ready import ready_for_quality

    ready_for_quality(recipe)
    from cxredge.distill.fit_quality import fit_quality
    from cxredge.vocabulary import ASKED_ONLY, QUALITY_KINDS

    found = fit_quality(recipe)
    thresholds, score = found.thresholds, found.score
    if as_json:
        from cxredge.cli.answers import HeadFitted

        say_json(HeadFitted(recipe=str(recipe), thresholds=thresholds, score=score))
        return
    rows = [
        (kind, f"{thresholds.thresholds[kind]:g}", f"{score.found[kind]:.1%}", f"{score.false_alarms[kind]:.1%}")
        for kind in QUALITY_KINDS
    ]
    say_table(("film is", "log-odds from", "found", "false alarms"), rows)
    say_wrapped(f"thresholds: {thresholds.rule}")
    say_wrapped(f"found and false alarms: on {counted(score.films, 'test film')}, which nothing was fitted to")
    say_wrapped(f"{', '.join(ASKED_ONLY)}: only ever a question, as the heart may be on the right")
    say_wrapped(f"written: weights, {', '.join((*found.records, 'model.yaml'))}")
