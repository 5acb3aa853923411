"""Content-addressed stages: work is done once per set of inputs, kept whole, and checked before it is used again.

A stage's key is the hash of everything that decides its result: records, file hashes, tool versions and the source of
the code that does the work. Its folder holds the result's files and ``stage.json``, which lists their hashes; a folder
whose files do not fit is thrown away and the work is done again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from cxredge.files import canonical_json, fresh_directory, sha256_bytes, sha256_file, write_text

RECORD = "stage.json"


def cache_folder() -> Path:
    """``CXR_CACHE``, else ``build/cache`` in the current folder."""
    return Path(os.environ.get("CXR_CACHE") or "build/cache")


@lru_cache(maxsize=32)
def source_digest(*parts: str) -> str:
    """Hash of this package's own source files or folders, so that changed code never meets its old results."""
    root = Path(__file__).parent
    files = sorted(
        f for part in parts for f in ((root / part).rglob("*.py") if (root / part).is_dir() else [root / part])
    )
    return sha256_bytes("".join(f"{f.relative_to(root).as_posix()} {sha256_file(f)}\n" for f in files).encode())


class Stage:
    """One cached result: ``Stage("lower", {...})``. ``folder`` exists and is whole when ``hit()`` says so."""

    def __init__(self, kind: str, inputs: Mapping[str, object]) -> None:
        self.kind = kind
        self.inputs = inputs
        self.key = sha256_bytes(canonical_json(inputs).encode())[:32]
        self.folder = cache_folder() / kind / self.key

    def hit(self) -> bool:
        """Whether a whole result is there; removes one that is not."""
        record = self.folder / RECORD
        if not record.is_file():
            return False
        try:
            files: dict[str, str] = json.loads(record.read_text())["files"]
            whole = all(sha256_file(self.folder / name) == digest for name, digest in files.items())
        except (OSError, ValueError, KeyError, AttributeError):
            whole = False
        if not whole:
            shutil.rmtree(self.folder, ignore_errors=True)
        return whole

    @contextmanager
    def fill(self) -> Iterator[Path]:
        """A folder to write the result into; it becomes the stage's when the block ends well."""
        with fresh_directory(self.folder) as folder:
            yield folder
            files = {p.name: sha256_file(p) for p in sorted(folder.iterdir()) if p.is_file()}
            write_text(folder / RECORD, canonical_json({"inputs": self.inputs, "files": files}))
