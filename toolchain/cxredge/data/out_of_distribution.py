"""Out-of-distribution films: pictures that are no upright frontal chest film, which novelty should tell from films.

Real ones come from the data sets CT, cells and DICOM samples, where they are there; the others need no data set: noise,
blanks, and what goes wrong with the evaluation films themselves (inverted, turned, cut). Cells are colour pictures.
The reader refuses colour, which is the first gate that such a picture meets in an app; here they are made grey first,
by Pillow's luma (ITU-R BT.601), so that it is the novelty score that is measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import Film
from cxredge.data.folder_table import Table
from cxredge.data.root import data_root
from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.images.film_file import FilmFile
from cxredge.images.preprocess import fit, resize
from cxredge.images.read import read_film
from cxredge.outputs import films_digest
from cxredge.recipe_input import InputSpec
from cxredge.vocabulary import Frozen, Sha256

PER_KIND = 16
"""Most pictures of a kind: sixteen place an AUC to an eighth, and keep twelve artifacts' runs short."""
SAME_PICTURE = 4.0
"""Mean difference in grey levels of 255 below which two DICOM samples are one picture in two encodings."""
SEED = 20261121

Grey = NDArray[np.uint8]
"""uint8[h, w], 0 black; uint8[h, w, 3] for films of recipes that take colour."""
_Picture = tuple[str, str, Grey]
"""Name, group, pixels."""


class OodFilm(Frozen):
    """One picture by content."""

    kind: str
    name: str
    group: str
    """Pictures of one group are not independent: a patient, a slice block, a microscope's field. For pictures made of
    evaluation films it is that film's patient."""
    sha256: Sha256
    """Of its preprocessed pixels."""


class OodFilms(Frozen):
    """A list of such pictures in the order of their pixels."""

    pictures: tuple[OodFilm, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds there are, in the order of ``WORDS``."""
        return tuple(dict.fromkeys(picture.kind for picture in self.pictures))

    @property
    def digest(self) -> str:
        """Names the pictures and their order."""
        return films_digest(picture.sha256 for picture in self.pictures)


def ood_sets(own: str) -> dict[str, Path]:
    """Folders of the data sets of such pictures that are there, by kind. Never ``own``, the recipe's own data set.

    Empty without a data root. Raises InputError DATA-MISSING where ``CXR_DATA`` names a folder that is not there.
    """
    try:
        root = data_root()
    except InputError:
        if "CXR_DATA" in os.environ:
            raise
        return {}
    return {kind: root / name for kind, (name, _) in SETS.items() if name != own and (root / name).is_dir()}


def make_ood_films(films: Iterable[Film], sets: dict[str, Path], spec: InputSpec) -> tuple[OodFilms, NDArray[np.uint8]]:
    """All such pictures, and their pixels uint8[N, ch, H, W], preprocessed as films are.

    films: the evaluation films; sets: what ``ood_sets`` found. Which pictures are used depends on the names of
    their files only. Raises what reading a film raises; of DICOM samples only those that can be read are used.
    """
    chosen = sorted(films, key=lambda film: sha256_bytes(film.file.encode()))[:PER_KIND]
    base = [(film, read_film(film.source, spec)) for film in chosen]
    listed, pixels = [], []
    for kind in WORDS:
        if kind in SETS:
            found = SETS[kind][1](sets[kind]) if kind in sets else iter(())
        elif kind in _MADE:
            found = ((f"{kind} {i}", f"{kind} {i}", _MADE[kind](i, spec)) for i in range(PER_KIND))
        else:
            found = ((f"{f.file}, {kind}", f.patient, _CHANGED[kind](film, i)) for i, (f, film) in enumerate(base))
        for name, group, picture in islice(found, PER_KIND):
            planes = _planes(picture, spec)
            listed.append(OodFilm(kind=kind, name=name, group=group, sha256=sha256_bytes(planes.tobytes())))
            pixels.append(planes)
    return OodFilms(pictures=tuple(listed)), np.stack(pixels)


def _planes(picture: Grey, spec: InputSpec) -> NDArray[np.uint8]:
    """uint8[ch, H, W]."""
    resized = resize(fit(picture, spec), spec)
    planes = resized[None] if resized.ndim == 2 else resized.transpose(2, 0, 1)
    return np.ascontiguousarray(np.broadcast_to(planes, (spec.channels, *planes.shape[1:])))


def _rows(folder: Path, column: str) -> Iterator[tuple[dict[str, str], FilmFile]]:
    """Rows of a set's table, which has that column, and their files, held against their hashes when they are read."""
    table = Table(folder)
    table.check_columns(("file", column))
    for line, row in sorted(table, key=lambda one: sha256_bytes(one[1]["file"].encode())):
        file, _ = table.file(line, row["file"])
        yield row, FilmFile(folder / file, table.sha256(line, file))


def _raster(folder: Path) -> Iterator[_Picture]:
    """PNG and JPEG pictures as grey, colour or not."""
    from PIL import Image

    for row, file in _rows(folder, "group"):
        with Image.open(BytesIO(file.read().data)) as image:
            yield row["file"], f"{folder.name}/{row['group']}", np.asarray(image.convert("L"))


def _dicom(folder: Path) -> Iterator[_Picture]:
    """Readable DICOM samples but chest films; the set holds the same picture in several encodings: once each."""
    seen: list[NDArray[np.float32]] = []
    grey = InputSpec(channels=1, height=32, width=32, fit="squash")
    for row, file in _rows(folder, "body_part"):
        if row["body_part"] == "CHEST":
            continue
        data = file.read()
        try:
            picture = read_film(data, grey)
        except InputError:
            continue
        small = resize(picture, grey).astype(np.float32)
        if all(np.abs(small - other).mean() >= SAME_PICTURE for other in seen):
            seen.append(small)
            yield row["file"], f"{folder.name}/{row['file']}", picture


def _white_noise(i: int, spec: InputSpec) -> Grey:
    """At the student's own size: a resize would smooth it."""
    return np.random.default_rng((SEED, i)).integers(0, 256, (spec.height, spec.width), np.uint8)


def _pink_noise(i: int, spec: InputSpec) -> Grey:
    """Amplitude 1/f, as pictures of the world have it (Field 1987), mean 128 and standard deviation 48."""
    h, w = spec.height, spec.width
    waves = np.fft.rfft2(np.random.default_rng((SEED, i)).standard_normal((h, w)))
    frequency = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None, :])
    frequency[0, 0] = np.inf  # no mean
    cloud = np.fft.irfft2(waves / frequency, s=(h, w))
    return np.clip(np.rint(128 + 48 * cloud / cloud.std()), 0, 255).astype(np.uint8)


def _blank(i: int, spec: InputSpec) -> Grey:
    return np.full((spec.height, spec.width), round(i * 255 / (PER_KIND - 1)), np.uint8)


def _corner(film: Grey, i: int) -> Grey:
    """A quarter of the film, the four corners in turn."""
    h, w = film.shape[0] // 2, film.shape[1] // 2
    top, left = (0, film.shape[0] - h)[i // 2 % 2], (0, film.shape[1] - w)[i % 2]
    return np.ascontiguousarray(film[top : top + h, left : left + w])


SETS: dict[str, tuple[str, Callable[[Path], Iterator[_Picture]]]] = {
    "ct": ("ct_covid", _raster),
    "cells": ("malaria", _raster),
    "dicom": ("dicom_samples", _dicom),
}
"""Kinds of real pictures: the data set's folder, and how it is read."""
_MADE = {"white-noise": _white_noise, "pink-noise": _pink_noise, "blank": _blank}
_CHANGED: dict[str, Callable[[Grey, int], Grey]] = {
    "inverted": lambda film, _: 255 - film,
    "quarter-turn": lambda film, i: np.ascontiguousarray(np.rot90(film, 1 + 2 * (i % 2))),
    "upside-down": lambda film, _: np.ascontiguousarray(np.rot90(film, 2)),
    "corner": _corner,
}
WORDS = {
    "ct": "axial CT slices of the chest",
    "cells": "red blood cells under a microscope, made grey",
    "dicom": "DICOM samples of other body parts and modalities, and test patterns",
    "white-noise": "every pixel at random",
    "pink-noise": "noise with the spectrum of natural pictures (amplitude 1/f)",
    "blank": "one grey level, from black to white",
    "inverted": "evaluation films with black and white exchanged",
    "quarter-turn": "evaluation films on their left or right side",
    "upside-down": "evaluation films turned by 180 degrees",
    "corner": "one quarter of an evaluation film, enlarged",
}
"""All kinds in words, in the order in which they are listed."""
