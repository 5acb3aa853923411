"""Data sets: films with their patients, splits and labels, from a folder or from the phantom generator."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import SPLITS, Film
from cxredge.data.patients import key as patient_key
from cxredge.data.root import data_root
from cxredge.errors import InputError, nearest
from cxredge.recipe_data import FolderData, PhantomData
from cxredge.recipe_decision import Labels
from cxredge.stages import Cache


class DataSet:
    """Films by split, in the order of ``labels.csv`` or of the generator. Made by ``open_data``.

    prepare makes a split's files before its first use; masks reads a film's masks (None for sets without).
    """

    def __init__(
        self,
        name: str,
        films: tuple[Film, ...],
        prepare: Callable[[str], None] | None = None,
        masks: Callable[[Film], dict[str, NDArray[np.bool_]]] | None = None,
    ) -> None:
        self.name = name
        self._by_split = {split: tuple(film for film in films if film.split == split) for split in SPLITS}
        self._prepare = prepare
        self._masks = masks
        self._ready: set[str] = set()
        self._reject_leaks()

    def films(self, split: str) -> tuple[Film, ...]:
        """The films of ``train``, ``val`` or ``test``, with their files in place; phantoms are rendered on first use.

        Raises InputError DATA-VALUE (no such split), DATA-SPLIT-EMPTY, or DATA-FILE (a listed file is not there).
        """
        if split not in self._ready:
            if self._prepare is not None and self._filled(split):
                self._prepare(split)
            self._check_files(split)
            self._ready.add(split)
        return self._filled(split)

    def listed(self, split: str) -> tuple[Film, ...]:
        """``films``, with no phantom drawn: their files may not be there yet. Raises as ``films`` does."""
        if self._prepare is None:
            self._check_files(split)
        return self._filled(split)

    def patients(self, split: str) -> frozenset[str]:
        """Patients of a split; empty for an empty split. Raises InputError DATA-VALUE (no such split)."""
        return frozenset(film.patient for film in self._known(split))

    @property
    def has_masks(self) -> bool:
        """Whether it knows where findings lie."""
        return self._masks is not None

    def masks(self, film: Film) -> dict[str, NDArray[np.bool_]]:
        """Exact masks, bool[h, w], of the film's positive labels. Raises InputError DATA-MASKS for sets without."""
        if self._masks is None:
            raise InputError(
                "DATA-MASKS",
                f"{self.name} has no masks",
                "use phantom data (data.source: phantom) where masks are needed",
            )
        return self._masks(film)

    def _filled(self, split: str) -> tuple[Film, ...]:
        films = self._known(split)
        if not films:
            filled = [name for name in SPLITS if self._by_split[name]]
            raise InputError(
                "DATA-SPLIT-EMPTY", f"{self.name} has no film in split {split}", "choose a split with films", filled
            )
        return films

    def _check_files(self, split: str) -> None:
        films = self._filled(split)
        absent = [film for film in films if not os.path.isfile(film.path)]
        if absent:
            raise InputError(
                "DATA-FILE",
                f"{self.name} lists {absent[0].file}, which is not there ({len(absent)} of {len(films)} absent)",
                "restore the files, or take their rows out of labels.csv",
            )

    def _known(self, split: str) -> tuple[Film, ...]:
        if split not in self._by_split:
            raise InputError("DATA-VALUE", f"there is no split {split!r}", "choose a split", nearest(split, SPLITS))
        return self._by_split[split]

    def _reject_leaks(self) -> None:
        """No patient in two splits, however the name is written, and no film's bytes either."""
        home: dict[object, Film] = {}
        for films in self._by_split.values():
            for film in films:
                first = home.setdefault(patient_key(film.patient), film)
                if first.split != film.split:
                    raise self._leak(first, film)
                if film.expected_sha256 is None:
                    continue
                first = home.setdefault(film.expected_sha256, film)
                if first.split != film.split:
                    raise InputError(
                        "DATA-LEAK",
                        f"{self.name}: {first.file} of split {first.split} and {film.file} of split {film.split} "
                        "are the same bytes",
                        "take one of the two rows out of labels.csv",
                    )

    def _leak(self, first: Film, film: Film) -> InputError:
        if first.patient == film.patient:
            return InputError(
                "DATA-LEAK",
                f"{self.name}: patient {film.patient} is in split {first.split} ({first.file}) "
                f"and in split {film.split} ({film.file})",
                "put all films of a patient into one split",
            )
        return InputError(
            "DATA-LEAK",
            f"{self.name}: patient {first.patient!r} of split {first.split} ({first.file}) and patient "
            f"{film.patient!r} of split {film.split} ({film.file}) are one name written in two ways",
            "write it in one way and put all films of a patient into one split; rename one if they are two patients",
        )


def data_folders(data: FolderData | PhantomData) -> tuple[Path, ...]:
    """Folders of data sets that films of a recipe come from, and pictures that are no such films; phantoms have none.

    Raises InputError DATA-MISSING.
    """
    if isinstance(data, PhantomData):
        return ()
    from cxredge.data.out_of_distribution import ood_sets

    return (data_root() / data.name, *ood_sets(data.name).values())


def open_data(data: FolderData | PhantomData, labels: Labels, cache: Path) -> DataSet:
    """Opens a recipe's data. Rows and patients are checked now; files are looked for when a split is used.

    cache: folder of the cache that keeps rendered phantoms, a stage for each split.
    Raises InputError DATA-MISSING, DATA-FILE, DATA-COLUMN, DATA-VALUE, DATA-UNCERTAIN, DATA-DUPLICATE, DATA-PATH,
    DATA-HASH, DATA-LEAVE-OUT or DATA-LEAK.
    """
    if isinstance(data, PhantomData):
        return _open_phantoms(data, labels, cache)
    from cxredge.data.labels_table import read_table

    films = read_table(data_root() / data.name, labels, data.label_column)
    known = {film.file for film in films}
    for name in data.leave_out:
        if name not in known:
            raise InputError(
                "DATA-LEAVE-OUT",
                f"data.leave_out names {name}, which {data.name} has not",
                "write its place as in the column file of labels.csv, or take it out",
                nearest(name, known)[:5],
            )
    return DataSet(data.name, tuple(film for film in films if film.file not in data.leave_out))


def _open_phantoms(data: PhantomData, labels: Labels, cache: Path) -> DataSet:
    from cxredge.phantoms.folder import columns, picture_path, read_masks
    from cxredge.phantoms.render import PHANTOM_LABELS, sample_patients
    from cxredge.phantoms.split import PhantomSplit

    if labels.kind != "multi-label":
        raise InputError(
            "DATA-COLUMN",
            "phantoms have several labels a film, and labels.kind is single-label",
            "set labels.kind: multi-label",
        )
    for name in labels.told:
        if name not in PHANTOM_LABELS:
            raise InputError(
                "DATA-COLUMN",
                f"phantoms have no label {name!r}",
                "use labels of the phantoms",
                nearest(name, PHANTOM_LABELS),
            )
    store = Cache(cache)
    stages = {split: PhantomSplit(data, split) for split in SPLITS}
    sampled = sample_patients(data)
    films = tuple(
        Film(
            file=picture_path(film),
            path=store.folder(stages[film.split]) / picture_path(film),
            patient=film.patient,
            split=film.split,
            targets=np.array([name in labels.told and name in film.labels for name in labels.names], np.float32),
            columns=columns(film),
        )
        for film in sampled
    )
    positive = {film.file: source.labels for film, source in zip(films, sampled, strict=True)}

    def prepare(split: str) -> None:
        store.made(stages[split], stages[split].make)

    def masks(film: Film) -> dict[str, NDArray[np.bool_]]:
        prepare(film.split)  # a film can be asked for before its split was
        names = [name for name in labels.told if name in positive[film.file]]
        return read_masks(store.folder(stages[film.split]), film.file, names)

    return DataSet(f"phantoms (seed {data.seed})", films, prepare, masks)
