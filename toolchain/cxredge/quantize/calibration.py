"""Which films set the INT8 ranges, and the refusals: too few, the wrong patients, or no films at all but noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError, counted
from cxredge.files import sha256_bytes
from cxredge.recipe import Recipe
from cxredge.recipe_calibration import MIN_CALIBRATION_FILMS, PercentileRange, RangeRule
from cxredge.results import CalibrationRecord, FilmRecord

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.data.film import Film

MIN_NEIGHBOUR_CORRELATION = 0.5
"""Pearson's r between horizontally adjacent pixels: near 0 for noise, above 0.9 for every film and cell image seen."""


@dataclass(frozen=True)
class CalibrationFilms:
    """Preprocessed calibration films, and the rule that makes ranges of what they give.

    images: uint8[N, ch, H, W], values 0..255 (float32 of the same values is what the student takes).
    """

    images: NDArray[np.uint8]
    rule: RangeRule


def choose_films(data: DataSet, recipe: Recipe) -> tuple[Film, ...]:
    """The recipe's calibration films: ``count`` of the split, in an order that depends on the files' names only.

    Raises InputError CALIBRATION-COUNT (fewer than 100 asked for), CALIBRATION-SPLIT (training films),
    CALIBRATION-FEW (the split holds fewer than asked for) or CALIBRATION-LEAK (a patient is trained or evaluated on).
    """
    wanted = recipe.calibration
    if wanted.count < MIN_CALIBRATION_FILMS:
        raise InputError(
            "CALIBRATION-COUNT",
            f"calibration.count is {wanted.count}; ranges from fewer than {MIN_CALIBRATION_FILMS} films depend on luck",
            f"ask for at least {MIN_CALIBRATION_FILMS} films",
        )
    if wanted.split == "train":
        raise InputError(
            "CALIBRATION-SPLIT",
            "calibration.split is train: activations on films that the student has seen are not those of new films",
            "calibrate on a split that is neither trained nor evaluated on",
            [s for s in ("val", "test") if s != recipe.evaluation.split],
        )
    films = data.films(wanted.split)
    if len(films) < wanted.count:
        raise InputError(
            "CALIBRATION-FEW",
            f"{data.name} has {counted(len(films), 'film')} in split {wanted.split}, calibration.count asks for "
            f"{wanted.count}",
            f"ask for at most {len(films)}, or add films",
        )
    chosen = tuple(sorted(films, key=lambda film: sha256_bytes(film.file.encode()))[: wanted.count])
    for split in ("train", recipe.evaluation.split):
        both = {film.patient for film in chosen} & data.patients(split)
        if both:
            raise InputError(
                "CALIBRATION-LEAK",
                f"patients {', '.join(sorted(both)[:3])} are in the calibration films and in split {split}",
                "move all films of a patient to one split in labels.csv",
            )
    return chosen


def refuse_noise(images: NDArray[np.uint8], data: str) -> None:
    """images: uint8[N, ch, H, W], preprocessed. Raises InputError CALIBRATION-NOISE for noise or blank films."""
    left = images[..., :-1].reshape(len(images), -1).astype(np.float32)
    right = images[..., 1:].reshape(len(images), -1).astype(np.float32)
    left -= left.mean(1, keepdims=True)
    right -= right.mean(1, keepdims=True)
    spread = np.sqrt((left**2).sum(1) * (right**2).sum(1))
    blank = spread <= 0
    correlation = np.where(blank, 0.0, (left * right).sum(1) / np.where(blank, 1.0, spread))
    bad = int((correlation < MIN_NEIGHBOUR_CORRELATION).sum())
    if bad:
        raise InputError(
            "CALIBRATION-NOISE",
            f"{bad} of {len(images)} calibration images of {data} are blank or noise (neighbour pixels do not agree)",
            "calibrate on real films: ranges from noise break the artifact on patients",
        )


def calibration_record(data: DataSet, recipe: Recipe, films: tuple[FilmRecord, ...]) -> CalibrationRecord:
    """What goes beside the artifacts: every film by hash, and whose it is."""
    rule = recipe.calibration.rule
    return CalibrationRecord(
        data=data.name,
        split=recipe.calibration.split,
        percentile=rule.percentile if isinstance(rule, PercentileRange) else 100.0,
        patients=len({film.patient for film in films}),
        films=films,
    )


def film_records(films: tuple[Film, ...]) -> tuple[FilmRecord, ...]:
    """Films by file name, hash and patient, in their order."""
    return tuple(FilmRecord(file=film.file, sha256=film.sha256(), patient=film.patient) for film in films)
