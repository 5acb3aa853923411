"""Stages: one result each, named by the hash of everything that decides it, and the stores that keep them.

A stage's key holds its inputs, the keys of the stages that it needs, exactly the code that makes it, and the versions
of the packages that decide its bytes. A store keeps its files in a folder of that name beside ``stage.json``, which
lists their hashes and those of what they were made from; what does not fit is made again, and takes its place.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar

from cxredge import strict_json
from cxredge.code_digest import code_digest, files_digest
from cxredge.errors import CxrError, InputError
from cxredge.files import anything, canonical_json, fresh_directory, read_bytes, sha256_bytes, sha256_file, write_text
from cxredge.path_errors import TYPED, shown, writing
from cxredge.scratch import scratch, sweep
from cxredge.trees import DEEPEST, TooManyFiles, make_folders, regular_files, scan

STAGES = "stages"
"""Folder of all results in a store."""
RECORD = "stage.json"
MAX_FILES = 1_000_000
"""Files and folders of one result."""
MAX_RECORD = 256 << 20
"""Bytes of its record: some hundred a file."""


class Stage(ABC):
    """One result: what decides it, what it needs, and its sentence in a build plan. Stages of equal keys are equal."""

    kind: ClassVar[str]
    """Names the folder of its kind in a store."""
    step: str
    """What making it is called, in a build plan and in errors."""
    kept: str
    """Why it need not be made, when it is there; a clause."""
    missing: str
    """Why it is to be made, when it is not."""
    code: tuple[str, ...]
    """Modules that make it; what they import counts too."""
    packages: tuple[str, ...]
    """Distributions whose versions decide its bytes."""
    made_here: ClassVar[bool] = False
    """Whether code of the stage's own classes makes it: their files count then, beside ``code``."""

    @property
    @abstractmethod
    def inputs(self) -> Mapping[str, object]:
        """What decides the result beside needs, code and packages; as JSON."""

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Stages whose results this one is made from."""
        return ()

    def obstacle(self) -> str | None:
        """Why this machine cannot make it; None: it can, so far as a look at installed packages tells."""
        return None

    @cached_property
    def key(self) -> str:
        """Thirty-two hexadecimal digits that change with whatever decides the result."""
        decides = {
            "inputs": self.inputs,
            "needs": [need.key for need in self.needs],
            "code": code_digest(*self.code),
            "own": files_digest(*self._own_modules()) if self.made_here else None,
            "packages": {package: installed(package) for package in sorted(self.packages)},
        }
        return sha256_bytes(canonical_json(decides).encode())[:32]

    def _own_modules(self) -> list[str]:
        """Modules of its class and of those that it stems from, below ``Stage``."""
        return [kind.__module__ for kind in type(self).__mro__ if issubclass(kind, Stage) and kind is not Stage]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stage) and (self.kind, self.key) == (other.kind, other.key)

    def __hash__(self) -> int:
        return hash((self.kind, self.key))


class Store(ABC):
    """Results of stages as folders under one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._whole: set[Stage] = set()

    def folder(self, stage: Stage) -> Path:
        """Where the result is, or would be."""
        return self.root / STAGES / stage.kind / stage.key

    def has(self, stage: Stage) -> bool:
        """Whether a whole result is there. It is looked at once: what is there then stays, while this store is used."""
        if stage not in self._whole and self._has_impl(stage):
            self._whole.add(stage)
        return stage in self._whole

    @abstractmethod
    def _has_impl(self, stage: Stage) -> bool: ...

    @contextmanager
    def fill(self, stage: Stage) -> Iterator[Path]:
        """A folder to write the result into; it becomes the stage's when the block ends well.

        Where another process has filled the stage meanwhile, its result stays: somebody may be reading it. Raises
        InputError CACHE-FOLDER, and what ``fresh_directory`` raises.
        """
        goal = self.folder(stage)
        self._make(goal.parent)
        with fresh_directory(goal, anything, lambda: self._has_impl(stage)) as folder:
            yield folder
            files = {name: sha256_file(path) for name, path in _files(folder).items()}
            record = {"inputs": stage.inputs, "needs": self._made_from(stage), "files": files}
            write_text(folder / RECORD, canonical_json(record))
        self._whole.add(stage)

    def made(self, stage: Stage, make: Callable[[Path], None]) -> Path:
        """The folder of a whole result; where there is none yet, ``make`` fills it. Raises what both raise."""
        if not self.has(stage):
            with self.fill(stage) as folder:
                make(folder)
        return self.folder(stage)

    def keep(self, stage: Stage, made: Path) -> None:
        """Take over the files of a folder, which stay readable there: other jobs may be using them."""
        with self.fill(stage) as folder:
            for file in made.iterdir():
                if file.is_file():
                    _link(file, folder / file.name)

    @contextmanager
    def work(self) -> Iterator[Path]:
        """Scratch space on the same disk as the results; removed however the block ends, or by the next run."""
        self._make(self.root)
        with ExitStack() as stack:
            with writing(self.root):
                work = stack.enter_context(scratch(self.root, "work"))
            yield work

    def _make(self, folder: Path) -> None:
        """Make a folder of the store. Raises InputError CACHE-FOLDER, EnvironmentProblem DISK-*."""
        with writing(folder):
            try:
                make_folders(folder)
            except OSError as error:
                if error.errno not in TYPED:
                    raise
                raise InputError(
                    "CACHE-FOLDER",
                    f"the cache cannot have the folder {shown(folder)}: {TYPED[error.errno]}",
                    "move away what is in its place, or set CXR_CACHE to another folder",
                ) from error

    def _made_from(self, stage: Stage) -> dict[str, str]:
        """Hashes of the records of its needs that are there."""
        records = {need: self.folder(need) / RECORD for need in stage.needs}
        return {f"{n.kind}/{n.key}": sha256_file(file) for n, file in records.items() if file.is_file()}


class Cache(Store):
    """Results that stay for the next run, under ``CXR_CACHE``, else ``build/cache`` in the current folder.

    That folder may hold other things, whatever they are called: only dead runs' scratch folders are removed from it.
    """

    def __init__(self, root: Path | None = None) -> None:
        super().__init__(root or cache_folder())
        sweep(self.root)
        for kind in _folders(self.root / STAGES):
            sweep(kind)

    def _has_impl(self, stage: Stage) -> bool:
        """Whether the files are those that were written, no more and no fewer, made from what its needs hold now."""
        folder = self.folder(stage)
        try:
            found = regular_files(folder, MAX_FILES)
            record = strict_json.parse(read_bytes(found.pop(RECORD), MAX_RECORD), MAX_RECORD)
            if not isinstance(record, dict) or record.keys() != {"inputs", "needs", "files"}:
                return False
            then, files = record["needs"], record["files"]
            if not isinstance(then, dict) or not isinstance(files, dict) or not files or files.keys() != found.keys():
                return False
            return (
                canonical_json(record["inputs"]) == canonical_json(stage.inputs)
                and all(then.get(need, digest) == digest for need, digest in self._made_from(stage).items())
                and all(sha256_file(found[name]) == digest for name, digest in files.items())
            )
        except (OSError, CxrError, ValueError, KeyError, TooManyFiles):
            return False


class Scratch(Store):
    """Results of this run alone: nothing comes from a cache."""

    def _has_impl(self, stage: Stage) -> bool:
        return False


def cache_folder() -> Path:
    """``CXR_CACHE``, else ``build/cache`` in the current folder."""
    return Path(os.environ.get("CXR_CACHE") or "build/cache")


def _link(file: Path, goal: Path) -> None:
    """A second name for the file's bytes; a copy where the file system has no such thing."""
    try:
        os.link(file, goal)
    except OSError:
        shutil.copyfile(file, goal)


def _files(folder: Path) -> dict[str, Path]:
    """Files of a result that was just made, which may be links in scratch space, by their paths in it."""
    found = {}
    for path, entry in scan(folder, MAX_FILES, DEEPEST):
        if isinstance(entry, OSError):
            raise entry
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path
    return found


def _folders(folder: Path) -> list[Path]:
    """Folders in a folder; none where it is none, or may not be read."""
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


@lru_cache(maxsize=256)
def installed(package: str) -> str | None:
    """Version of a distribution; None where it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
