"""The pictures that a bundle's verdicts rest on, found again by what its manifest says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle.manifest import Manifest, StrangersRecord
from cxredge.errors import InputError
from cxredge.parity.judge import Shown
from cxredge.results import FilmRecord
from cxredge.stages import cache_folder
from cxredge.workers.pool import Stack
from cxredge.workflows.pipeline import find_stranger_sets

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet, Film
    from cxredge.data.out_of_distribution import Strangers


@dataclass(frozen=True, eq=False)
class Pictures:
    """Films in the manifest's order; ``stacks`` has their preprocessed pixels on disk, ``evaluation``'s also here."""

    data: DataSet
    shown: Shown
    evaluation: tuple[Film, ...]
    strangers: Strangers
    pixels: NDArray[np.uint8]
    """uint8[N, ch, H, W] of the evaluation films."""
    stacks: tuple[Stack, ...]


def find_pictures(manifest: Manifest, work: Path) -> Pictures:
    """Read and preprocess everything that the artifacts were judged on.

    Raises InputError VERIFY-FILMS (a film is missing or has other bytes), VERIFY-STRANGERS (other pictures than those
    of the build), DATA-*, or what reading a film raises.
    """
    from cxredge.data.data_sets import open_data
    from cxredge.data.out_of_distribution import make_strangers

    recipe = manifest.recipe
    data = open_data(recipe.data, recipe.labels, cache_folder() / "data")
    evaluation = find_films(data, manifest.evaluation.split, manifest.evaluation.films)
    validation = find_films(data, manifest.validation.split, manifest.validation.films)
    strangers, strange = make_strangers(evaluation, find_stranger_sets(recipe), recipe.input)
    if (found := StrangersRecord.of(strangers)) != manifest.strangers:
        raise InputError(
            "VERIFY-STRANGERS",
            f"pictures that are no such films are {_said(found)} here, and were {_said(manifest.strangers)} when the "
            "bundle was built" + (", in other bytes" if found.kinds == manifest.strangers.kinds else ""),
            "verify with the data sets that the bundle was built with (CXR_DATA)",
        )
    pixels = preprocessed(evaluation, manifest, "evaluation films")
    stacks = (
        stack("evaluation", pixels, manifest.evaluation.films_sha256, work),
        stack("validation", preprocessed(validation, manifest, "validation films"),
              manifest.validation.films_sha256, work),
        stack("strangers", strange, strangers.digest, work),
    )  # fmt: skip
    shown = Shown(evaluation, validation, [picture.group for picture in strangers.pictures])
    return Pictures(data, shown, evaluation, strangers, pixels, stacks)


def find_films(data: DataSet, split: str, records: Sequence[FilmRecord]) -> tuple[Film, ...]:
    """The films of ``records``, held against their hashes. Raises InputError VERIFY-FILMS."""
    by_name = {film.file: film for film in data.films(split)}
    films = []
    for wanted in records:
        film = by_name.get(wanted.file)
        if film is None or film.sha256() != wanted.sha256:
            what = "is not there" if film is None else "has other bytes than when the bundle was built"
            raise InputError(
                "VERIFY-FILMS",
                f"film {wanted.file} of {data.name} {what}",
                "verify on the data set that the bundle was built with (CXR_DATA)",
            )
        films.append(film)
    return tuple(films)


def preprocessed(films: Sequence[Film], manifest: Manifest, what: str) -> NDArray[np.uint8]:
    """uint8[N, ch, H, W]; what: the films in words, for the progress bar."""
    from cxredge.images.preprocess import preprocess_films

    return preprocess_films([film.path for film in films], manifest.recipe.input, what)


def stack(name: str, pixels: NDArray[np.uint8], digest: str, work: Path) -> Stack:
    """Pixels on disk for runners. digest: names the pictures and their order."""
    file = work / f"{name}.npy"
    np.save(file, pixels)
    return Stack(name=name, images=str(file), films_sha256=digest)


def _said(record: StrangersRecord) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in record.kinds.items())
