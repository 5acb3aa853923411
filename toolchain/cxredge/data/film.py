"""One film of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.images.film_file import FilmFile

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Film:
    """One film of a data set."""

    file: str
    """Place in the set's folder, with forward slashes."""
    path: Path
    patient: str
    split: str
    targets: NDArray[np.float32]
    """float32[C], 0 or 1 for every label of the recipe, in its order; 0 for those that are not judged. NaN: the film,
    one of ``train``, does not tell that label."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The other cells of the film's row (view, sex, age, licence_class ...)."""
    expected_sha256: str | None = None
    """What ``SHA256SUMS`` says, where the set has one."""

    @property
    def source(self) -> FilmFile:
        """The file to read, with the hash that it must have where one is known."""
        return FilmFile(self.path, self.expected_sha256)

    def sha256(self) -> str:
        """Hash of the file as it lies there. Raises InputError DATA-FILE, or DATA-HASH if SHA256SUMS says otherwise."""
        if not self.path.is_file():
            raise InputError("DATA-FILE", f"{self.path} is not there", "restore the file or the whole data set")
        found = sha256_file(self.path)
        if self.expected_sha256 is not None and found != self.expected_sha256:
            raise InputError(
                "DATA-HASH",
                f"{self.path} has SHA-256 {found}, and SHA256SUMS says {self.expected_sha256}",
                "restore the file, or write SHA256SUMS anew if the change was meant",
            )
        return found
