"""A film's file, read whole, and held against its hash where one is known."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cxredge.errors import InputError
from cxredge.files import open_regular, sha256_bytes
from cxredge.images.refuse import MAX_FILE_BYTES


@dataclass(frozen=True)
class FilmBytes:
    """A film's file that was read: what is said of these bytes is of the very film that is decoded."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Of the bytes."""
        return sha256_bytes(self.data)


@dataclass(frozen=True)
class FilmFile:
    """Where a film lies, and the SHA-256 that its bytes must have; None: none is known."""

    path: Path
    sha256: str | None = None

    def read(self) -> FilmBytes:
        """The very bytes that were held against the hash, under the file's name.

        Raises InputError IMG-MISSING, IMG-SIZE or DATA-HASH.
        """
        try:
            with open_regular(self.path) as stream:
                if os.fstat(stream.fileno()).st_size > MAX_FILE_BYTES:
                    raise InputError(
                        "IMG-SIZE",
                        f"{self.path} is larger than {MAX_FILE_BYTES} bytes",
                        "give one film, not a series or an archive",
                    )
                data = stream.read()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise InputError(
                "IMG-MISSING", f"{self.path} cannot be read: {why}", "check the path and its permissions"
            ) from error
        if self.sha256 is not None and (found := sha256_bytes(data)) != self.sha256:
            raise InputError(
                "DATA-HASH",
                f"{self.path} has SHA-256 {found}, and {self.sha256} is expected",
                "restore the file, or write SHA256SUMS anew if the change was meant",
            )
        return FilmBytes(self.path.name, data)
