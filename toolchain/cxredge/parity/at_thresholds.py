"""What the float32 student calls at the bundle's thresholds, on the films that it was built with and on others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.evidence_other_films import Carried, LabelOperating, Operating, Share
from cxredge.outputs import Outputs
from cxredge.parity.decisions import ExclusiveRule, rule_of
from cxredge.parity.pairs import FilmFacts
from cxredge.recipe import Recipe
from cxredge.statistics.shares import difference_interval, share_interval


def operating(recipe: Recipe, films: Sequence[FilmFacts], outputs: Outputs) -> Operating:
    """Shares of ``films`` at the recipe's thresholds, by the student's outputs on them.

    Sensitivity and specificity are of the labels that the recipe's films tell. There has to be a film.
    """
    rule = rule_of(recipe.labels.names, recipe.decision)
    called, patients = rule.call(outputs["logits"]), [film.patient for film in films]
    truth: NDArray[np.bool_] = np.array([film.targets for film in films]) > 0.5
    labels = []
    for at, name in enumerate(rule.names):
        told = at in recipe.labels.places_told
        has: NDArray[np.bool_] = truth[:, at]
        hit: NDArray[np.bool_] = called[:, at]
        labels.append(
            LabelOperating(
                label=name,
                called=share(hit, patients),
                sensitivity=share(hit, patients, has) if told else None,
                specificity=share(np.logical_not(hit), patients, np.logical_not(has)) if told else None,
            )
        )
    return Operating(
        films=len(films),
        patients=len(set(patients)),
        labels=tuple(labels),
        uncertain=share(np.logical_not(called.any(1)), patients) if isinstance(rule, ExclusiveRule) else None,
        novel=novel(recipe, outputs, patients),
    )


def novel(recipe: Recipe, outputs: Outputs, patients: Sequence[str]) -> Share | None:
    """Films above the recipe's novelty threshold, as in the apps; None without such a score."""
    if recipe.novelty is None:
        return None
    above: NDArray[np.bool_] = outputs["novelty"].astype(np.float64) > recipe.novelty.threshold
    return share(above, patients)


def share(hits: NDArray[np.bool_], patients: Sequence[str], among: NDArray[np.bool_] | None = None) -> Share:
    """hits bool[N] of films, and among bool[N] those that count; None: all."""
    rows = range(len(hits)) if among is None else np.flatnonzero(among).tolist()
    owners = [patients[row] for row in rows]
    counts = {"hits": int(hits[rows].sum()), "films": len(rows), "patients": len(set(owners))}
    if not len(rows):
        return Share(**counts, value=None, low=None, high=None)
    value, low, high = share_interval(hits[rows], owners)
    return Share(**counts, value=value, low=low, high=high)


def carried(built: Operating, here: Operating) -> tuple[Carried, ...]:
    """Every share that is known of both, by label and then of all films.

    One has moved where the 95 % interval of the difference leaves out 0: the two draws of patients alone would do that
    in one share of twenty. That the interval here leaves out the value there would not do as a rule: that value is of a
    draw of patients too, and the rule would warn of one share in five where nothing has changed.
    """
    return tuple(_carried(built, here))


def _carried(built: Operating, here: Operating) -> Iterator[Carried]:
    before = {line.label: line for line in built.labels}
    for line in here.labels:
        then = before.get(line.label)
        for figure in ("sensitivity", "specificity"):
            if then is not None:
                yield from compared(figure, line.label, getattr(then, figure), getattr(line, figure))
    for figure in ("uncertain", "novel"):
        yield from compared(figure, None, getattr(built, figure), getattr(here, figure))


def compared(figure: Any, label: str | None, built: Share | None, here: Share | None) -> Iterator[Carried]:
    """One difference, where there is a share of both."""
    if built is None or here is None or built.ends is None or here.ends is None:
        return
    low, high = difference_interval(here.ends, built.ends)
    yield Carried(figure=figure, label=label, built=built, here=here, low=low, high=high, moved=low > 0 or high < 0)
