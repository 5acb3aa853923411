"""Shortcuts: how well labels are told, on films of other patients, from what is no anatomy.

Told by: what the file is (format, sides, bits, bytes), the film's outermost ring, and each column that describes films,
such as source or view. A ridge regression of 0 and 1 (Hoerl & Kennedy, Technometrics 1970) on standardised features,
fitted to four fifths of the patients and asked for the last fifth, five times; the answers together are judged by AUC
with a bootstrap over patients. Values become features one by one, and numbers by tenths of the films.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.data.check_record import Shortcut, ValueShare
from cxredge.data.check_rows import numbers
from cxredge.data.film_facts import SIDE, FilmFacts
from cxredge.statistics.auc import Auc, auc
from cxredge.statistics.bootstrap import interval, resample

GIVEN_AWAY = 0.6
"""A label is given away where the whole interval of the AUC lies above."""
FOLDS = 5
FEWEST = 10
"""Patients with a label, and without it, below which nothing is judged."""
RESAMPLES = 1000
LEVEL = 0.99
"""Of the intervals: many labels are tried with many columns, and one in twenty would be given away by chance."""
SEED = 0
RING = 2
"""Cells of the thumbnail: a sixteenth of the film on each side."""
RIDGE = 0.1
"""Of the films that are fitted to: with features of variance 1, as if so many films more knew nothing."""
SHOWN = 12
"""Values of a column that are told."""
OTHER = "(other)"

Features = NDArray[np.float64]
"""float64[N, K]."""


def properties(films: Sequence[FilmFacts]) -> dict[str, list[str] | list[float]]:
    """What the files are, apart from any pixel, one value a film: words, or numbers."""
    return {
        "format": [film.kind for film in films],
        "bits": [str(film.bits) for film in films],
        "colour": ["colour" if film.colour else "grey" for film in films],
        "width": [float(film.width) for film in films],
        "height": [float(film.height) for film in films],
        "aspect": [film.width / film.height for film in films],
        "bytes": [float(film.size) for film in films],
    }


def ring(thumbnails: NDArray[np.uint8]) -> Features:
    """uint8[N, SIDE, SIDE] -> the cells of the outermost ``RING`` rows and columns."""
    outer = np.ones((SIDE, SIDE), bool)
    outer[RING:-RING, RING:-RING] = False
    return thumbnails[:, outer].astype(np.float64)


def find_shortcuts(
    truth: NDArray[np.int8],
    names: Sequence[str],
    patients: Sequence[str],
    files: Mapping[str, Sequence[str] | Sequence[float]],
    border: Features,
    columns: Mapping[str, Sequence[str]],
) -> tuple[tuple[Shortcut, ...], tuple[str, ...]]:
    """truth int8[N, C]: 1, 0 or -1 (not told), of labels called ``names`` -> shortcuts; labels of too few
    patients.

    files: ``properties``; border: ``ring``; columns: cells of the table. Each property of a file is also tried alone.
    """
    cut = {name: _values(cells) for name, cells in files.items()}
    sides = {name: _values(_typed(cells)) for name, cells in columns.items()}
    cut, sides = ({name: cells for name, cells in of.items() if len(set(cells)) > 1} for of in (cut, sides))
    judged: dict[str, Features] = {}
    if cut:
        judged["file"] = np.concatenate([_one_hot(cells) for cells in cut.values()], axis=1)
    judged["border"] = border
    judged |= {f"column:{name}": _one_hot(cells) for name, cells in sides.items()}
    alone = {f"file:{name}": _one_hot(cells) for name, cells in cut.items()}
    words = {f"column:{name}": cells for name, cells in sides.items()}
    words |= {f"file:{name}": cells for name, cells in cut.items()}
    owners = np.asarray(patients)
    found: list[Shortcut] = []
    too_few = []
    for c, label in enumerate(names):
        told = np.flatnonzero(truth[:, c] >= 0)
        target, owner = truth[told, c] == 1, owners[told]
        if min(len(set(owner[target])), len(set(owner[~target]))) < FEWEST:
            too_few.append(label)
            continue
        folds = _folds(target, owner)
        answers = {by: _answers(of[told], target, folds) for by, of in (judged | alone).items()}
        statistic = Auc(np.repeat(target[:, None], len(judged), 1), np.stack([answers[by] for by in judged], 1))
        spread = resample({"auc": statistic}, list(owner), RESAMPLES, SEED)["auc"]
        bounds = dict(zip(judged, (interval(of, LEVEL) for of in spread), strict=True))
        for by, scores in answers.items():
            area = float(auc(target[:, None], scores[:, None])[0])
            low, high = bounds.get(by) or (None, None)
            found.append(
                Shortcut(
                    label=label,
                    told_by=by,
                    films=len(told),
                    patients=len(set(owner)),
                    auc=round(area, 4),
                    low=None if low is None else round(low, 4),
                    high=None if high is None else round(high, 4),
                    given_away=low is not None and low > GIVEN_AWAY,
                    values=_shares([words[by][at] for at in told], target) if by in words else (),
                )
            )
    return tuple(found), tuple(too_few)


def _folds(target: NDArray[np.bool_], owner: NDArray[np.str_]) -> NDArray[np.intp]:
    """int[N]: each film's fold; a patient's films are in one, and patients with the label are dealt out evenly."""
    random = np.random.default_rng(SEED)
    names, which = np.unique(owner, return_inverse=True)
    positive = np.bincount(which, target) > 0
    fold = np.empty(len(names), np.intp)
    start = 0
    for group in (np.flatnonzero(positive), np.flatnonzero(~positive)):
        fold[random.permutation(group)] = (np.arange(len(group)) + start) % FOLDS
        start += len(group)
    return fold[which]


def _answers(features: Features, target: NDArray[np.bool_], folds: NDArray[np.intp]) -> NDArray[np.float64]:
    """float64[N]: for every film what the fit to the other folds says, without its constant, which differs by fold."""
    answers = np.zeros(len(target))
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        middle, spread = features[train].mean(0), features[train].std(0)
        scaled = np.divide(features - middle, spread, out=np.zeros_like(features), where=spread > 1e-9)
        known, wanted = scaled[train], target[train] - target[train].mean()
        inner = known.T @ known + RIDGE * len(known) * np.eye(known.shape[1])
        answers[test] = scaled[test] @ np.linalg.solve(inner, known.T @ wanted)
    # equal films have equal answers whatever the order of a sum
    return np.round(answers, 9)


def _typed(cells: Sequence[str]) -> Sequence[str] | Sequence[float]:
    """A column of many numbers as numbers; an empty cell as NaN."""
    if len(set(cells)) <= SHOWN or not numbers(cells):
        return cells
    return [float(cell) if cell else float("nan") for cell in cells]


def _values(cells: Sequence[str] | Sequence[float]) -> list[str]:
    """One word a film; of numbers the tenth of the films in which it lies, by its ends, or the number itself of few."""
    if isinstance(cells[0], str):
        return [str(cell) or "(empty)" for cell in cells]
    found = np.asarray(cells, np.float64)
    known = found[~np.isnan(found)]
    if len(np.unique(known)) <= SHOWN:
        return ["(empty)" if np.isnan(value) else f"{value:g}" for value in found]
    steps = np.unique(np.quantile(known, np.linspace(0, 1, 11)))
    which = np.clip(np.searchsorted(steps, found, "right") - 1, 0, len(steps) - 2)
    return [
        "(empty)" if np.isnan(value) else f"{steps[at]:.4g} to {steps[at + 1]:.4g}"
        for value, at in zip(found, which, strict=True)
    ]


def _one_hot(values: Sequence[str]) -> Features:
    names = {name: at for at, name in enumerate(sorted(set(values)))}
    hot = np.zeros((len(values), len(names)))
    hot[np.arange(len(values)), [names[value] for value in values]] = 1
    return hot


def _shares(values: Sequence[str], target: NDArray[np.bool_]) -> tuple[ValueShare, ...]:
    """The commonest values, and the others together."""
    counts = Counter(values)
    told = [value for value, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:SHOWN]]
    named = [value if value in told else OTHER for value in values]
    hits = Counter(value for value, hit in zip(named, target, strict=True) if hit)
    sizes = Counter(named)
    return tuple(
        ValueShare(value=value, films=sizes[value], share=round(hits[value] / sizes[value], 4))
        for value in [*told, *([OTHER] if OTHER in sizes else [])]
    )
