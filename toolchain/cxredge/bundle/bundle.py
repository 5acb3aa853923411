"""A bundle as a host opens it: the manifest, every file held against it, and the record of its making."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cxredge import strict_json
from cxredge.bundle.build_record import Record, read_record, refused
from cxredge.bundle.manifest import (
    FAILED,
    FILE,
    MAX_BYTES,
    PATH,
    SIGNATURE,
    AnyManifest,
    BundledFile,
    M,
    Manifest,
    parse_any_manifest,
    parse_manifest,
)
from cxredge.bundle.model import Model
from cxredge.errors import CxrError, InputError
from cxredge.files import read_bytes, sha256_file
from cxredge.results import Artifact
from cxredge.trees import DEEPEST, TooManyFiles, regular_files, scan

MAX_FILES = 10_000
"""Files and folders of a bundle: more than a manifest of ``MAX_BYTES`` can list."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are those that its manifest lists."""

    folder: Path
    manifest: AnyManifest
    record: Record

    def file(self, name: str) -> Path:
        """The file of an artifact. Raises InputError BUNDLE-ARTIFACT."""
        return self.folder / self.manifest.artifact(name).path

    def artifact(self, name: str) -> Artifact:
        """The record of an artifact. Raises InputError BUNDLE-ARTIFACT."""
        return self.record.artifact(self.manifest.artifact(name).name)


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle: manifest, files, record, in this order. What a failed build left is read too.

    Raises what ``read_any_manifest`` raises, and InputError BUNDLE-RECORD: the record is lacking, or says otherwise
    than the manifest.
    """
    manifest = read_any_manifest(folder)
    record = read_record(folder)
    if Model.of(record.recipe) != manifest.model:
        raise refused(folder, "the recipe is not of the model that the manifest describes")
    if [(a.name, a.sha256) for a in record.artifacts] != [(e.name, e.sha256) for e in manifest.artifacts]:
        raise refused(folder, "the artifacts are not those of the manifest")
    return Bundle(folder, manifest, record)


def read_manifest(folder: Path) -> Manifest:
    """A bundle's manifest, and every file held against it before anything else is opened: what a phone does too.

    Raises InputError BUNDLE-MISSING, MANIFEST-SYNTAX, MANIFEST-VERSION, MANIFEST-SCHEMA, MANIFEST-ID, BUNDLE-FILES
    (missing, extra, links) or BUNDLE-HASH, and BUNDLE-FAILED for what a failed build left.
    """
    return _read(folder, parse_manifest)


def read_any_manifest(folder: Path) -> AnyManifest:
    """``read_manifest``, which takes what a failed build left too: for what neither signs nor ships."""
    return _read(folder, parse_any_manifest)


def _read(folder: Path, parse: Callable[[Path], M]) -> M:
    path = folder / FILE
    if not path.is_file() or path.is_symlink():
        raise InputError(
            "BUNDLE-MISSING", f"{folder} is not a bundle: it has no {FILE}", "name a folder that `cxredge build` wrote"
        )
    manifest = parse(path)
    _check_files(folder, manifest)
    return manifest


def is_bundle_path(path: str) -> bool:
    """Whether ``path`` is a ``BundlePath``."""
    return re.fullmatch(PATH, path) is not None


def list_files(folder: Path) -> tuple[BundledFile, ...]:
    """Every file under ``folder`` but the manifest and the signature, sorted by path."""
    return tuple(
        BundledFile(path=name, bytes=path.stat().st_size, sha256=sha256_file(path))
        for name, path in regular_files(folder, MAX_FILES).items()
        if name not in (FILE, SIGNATURE)
    )


def walk_files(folder: Path) -> Iterator[tuple[str, bool]]:
    """Every path under ``folder`` but plain folders, and whether it is a plain file: no link, no pipe.

    Raises InputError BUNDLE-FILES for more than ``MAX_FILES`` files and folders, more than ``DEEPEST`` folders below
    each other, and what cannot be searched.
    """
    try:
        for path, entry in scan(folder, MAX_FILES, DEEPEST):
            if isinstance(entry, OSError):
                raise InputError(
                    "BUNDLE-FILES", f"{path} cannot be searched: {entry.strerror}", "make it readable, or build anew"
                )
            if not entry.is_dir(follow_symlinks=False):
                yield path.relative_to(folder).as_posix(), entry.is_file(follow_symlinks=False)
    except TooManyFiles as error:
        raise InputError(
            "BUNDLE-FILES", f"{folder} holds {error}, and no bundle does", "name a folder that `cxredge build` wrote"
        ) from error


def foreign(folder: Path) -> str | None:
    """What is there that no build put there: a bundle of any version holds what its manifest lists. None: nothing."""
    if not folder.is_dir():
        return folder.name
    try:
        listed = _listed(strict_json.parse(read_bytes(folder / FILE, MAX_BYTES), MAX_BYTES))
    except (CxrError, ValueError):
        listed = set()
    return min((name for name, _ in walk_files(folder) if name not in listed), default=None)


def not_failed(folder: Path) -> str | None:
    """``foreign`` for the place of a failed build's bundle: one that kept its gates is none of that either."""
    found = foreign(folder)
    if found is not None:
        return found
    try:
        tree = strict_json.parse(read_bytes(folder / FILE, MAX_BYTES), MAX_BYTES)
    except (CxrError, ValueError):
        return None  # nothing of anybody's is there
    return None if isinstance(tree, dict) and tree.get("kind") == FAILED else FILE


def _listed(tree: object) -> set[str]:
    """Paths that the manifest of any version vouches for, itself and its signature too; none if it is no manifest."""
    if (
        not isinstance(tree, dict)
        or not isinstance(tree.get("manifest"), int)
        or not isinstance(tree.get("files"), list)
    ):
        return set()
    paths = {str(entry.get("path")) for entry in tree["files"] if isinstance(entry, dict)}
    return {FILE, SIGNATURE, *paths}


def _check_files(folder: Path, manifest: AnyManifest) -> None:
    """Hold the folder against the manifest's list: nothing missing, nothing more, no links, every hash right.

    A signature may stand beside what is listed; it is checked by ``cxredge verify-signature``, not here.
    """
    present: set[str] = set()
    for relative, whole in walk_files(folder):
        if not whole:
            raise InputError(
                "BUNDLE-FILES", f"{relative!a} in {folder} is a link or a special file", "build the bundle again"
            )
        if relative not in (FILE, SIGNATURE):
            present.add(relative)
    listed = {f.path for f in manifest.files}
    missing, extra = sorted(listed - present), sorted(present - listed)
    if missing or extra:
        raise InputError(
            "BUNDLE-FILES",
            f"{folder} does not hold what its manifest lists (missing: {missing[:5]!a}, extra: {extra[:5]!a})",
            "build the bundle again, or remove what was added",
        )
    for entry in manifest.files:
        path = folder / PurePosixPath(entry.path)
        if path.stat().st_size != entry.bytes or sha256_file(path) != entry.sha256:
            raise InputError(
                "BUNDLE-HASH", f"{entry.path} in {folder} is not the file that was verified", "build the bundle again"
            )
    by_path = {f.path: f.sha256 for f in manifest.files}
    for artifact in manifest.artifacts:
        if by_path[artifact.path] != artifact.sha256:
            raise InputError(
                "BUNDLE-HASH", f"{artifact.path}: artifact and file list disagree", "build the bundle again"
            )
