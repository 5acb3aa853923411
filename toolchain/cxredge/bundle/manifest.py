"""The manifest: what a bundle says of itself, as data that an app can check before it parses a model.

Schema version 1. Every file of the bundle but ``manifest.json`` itself, and its signature, is listed by size and
SHA-256; a bundle with a file more or less than its manifest is refused. The JSON Schema is published under
``docs/schemas/``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from cxredge import strict_json
from cxredge.data.out_of_distribution import OodFilms
from cxredge.errors import InputError, nearest
from cxredge.evidence import Temperature
from cxredge.files import canonical_json, sha256_bytes, sha256_file
from cxredge.recipe import Recipe
from cxredge.results import Artifact, CalibrationRecord, FilmRecord, Verdict
from cxredge.vocabulary import ArtifactName, Frozen, Sha256

FILE = "manifest.json"
SIGNATURE = "model.sig"
MAX_BYTES = 16_000_000
BundleKind = Literal["host", "android", "ios"]
_PATH = r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$"
BundlePath = Annotated[str, StringConstraints(pattern=_PATH)]
"""Relative, with forward slashes, and never out of the bundle."""


class BundledFile(Frozen):
    """One file of the bundle; ``path`` is relative, with forward slashes."""

    path: BundlePath
    bytes: int = Field(ge=0)
    sha256: Sha256


class TensorSpec(Frozen):
    """One input or output of an artifact as an app must feed or read it."""

    name: str
    index: int
    """Position, for runtimes that address tensors by order."""
    shape: tuple[int, ...]
    dtype: Literal["float32"] = "float32"
    layout: str
    """Meaning of each axis, for example ``NCHW``."""
    low: float | None = None
    high: float | None = None
    """Range of values, where it is bounded."""
    unit: str


class Tolerance(Frozen):
    """How far an app's own outputs may be from the self-test's expected ones."""

    logits_abs: float
    cam_abs: float
    novelty_rel: float
    rule: str


class BundledArtifact(Frozen):
    """One artifact of this bundle, with what an app needs to call it."""

    artifact: Artifact
    path: BundlePath
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    tolerance: Tolerance
    temperature: Temperature
    """sigmoid(logit / temperature) is what an app may show as a probability, if it shows one at all."""


class FilmList(Frozen):
    """Films of one split that the artifacts were run on."""

    data: str
    split: str
    patients: int
    films: tuple[FilmRecord, ...]
    films_sha256: Sha256


class StrangersRecord(Frozen):
    """Pictures that are no frontal chest films, for the novelty score: how many of each kind, and which."""

    kinds: dict[str, int]
    sha256: Sha256
    """Over the hashes of their preprocessed pixels, in order."""

    @classmethod
    def of(cls, films: OodFilms) -> StrangersRecord:
        """The record of a list of pictures."""
        return cls(kinds=dict(Counter(p.kind for p in films.pictures)), sha256=films.digest)


class Manifest(Frozen):
    """A bundle, described whole."""

    manifest: Literal[1] = 1
    kind: BundleKind
    id: str
    """``name-version-`` and the first 12 digits of a hash over everything else in this manifest."""
    recipe: Recipe
    """Labels, operating points (logits), novelty threshold, input spec (preprocessing) and gates stand here."""
    parameters: int
    """Parameters of the student."""
    artifacts: tuple[BundledArtifact, ...]
    primary: ArtifactName
    calibration: CalibrationRecord | None
    evaluation: FilmList
    """Films on which the artifacts were held against the reference."""
    validation: FilmList
    """Films on which temperatures were fitted, and the operating points chosen."""
    strangers: StrangersRecord
    verdicts: tuple[Verdict, ...]
    selftest: BundlePath
    """Path of the self-test vectors."""
    tools: dict[str, str]
    statement: str
    """What was verified, where and on which films, and what was not."""
    files: tuple[BundledFile, ...]

    def artifact(self, name: str) -> BundledArtifact:
        """The artifact of that name. Raises InputError BUNDLE-ARTIFACT with the choices."""
        for entry in self.artifacts:
            if entry.artifact.name == name:
                return entry
        known = [e.artifact.name for e in self.artifacts]
        raise InputError(
            "BUNDLE-ARTIFACT", f"the bundle {self.id} has no artifact {name}", "choose one", nearest(name, known)
        )


def seal(manifest: Manifest) -> Manifest:
    """The manifest with its id, which hashes everything but the id itself."""
    digest = sha256_bytes(canonical_json({**manifest.model_dump(mode="json"), "id": ""}).encode())
    return manifest.model_copy(update={"id": f"{manifest.recipe.name}-{manifest.recipe.version}-{digest[:12]}"})


def is_bundle_path(path: str) -> bool:
    """Whether ``path`` is a ``BundlePath``."""
    return re.fullmatch(_PATH, path) is not None


def list_files(folder: Path) -> tuple[BundledFile, ...]:
    """Every file under ``folder`` but the manifest and the signature, sorted by path."""
    return tuple(
        BundledFile(path=path, bytes=(folder / path).stat().st_size, sha256=sha256_file(folder / path))
        for path in sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        if path not in (FILE, SIGNATURE)
    )


def walk_files(folder: Path) -> Iterator[tuple[str, bool]]:
    """Every path under ``folder`` but plain folders, and whether it is a plain file: no link, no pipe."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix(), path.is_file() and not path.is_symlink()


def read_manifest(folder: Path) -> Manifest:
    """Parse and validate a bundle's manifest, and check every file against it before anything else is opened.

    Raises InputError BUNDLE-MISSING, MANIFEST-SYNTAX, MANIFEST-VERSION, MANIFEST-SCHEMA, MANIFEST-ID, BUNDLE-FILES
    (missing, extra, links) or BUNDLE-HASH.
    """
    path = folder / FILE
    if not path.is_file() or path.is_symlink():
        raise InputError(
            "BUNDLE-MISSING", f"{folder} is not a bundle: it has no {FILE}", "name a folder that `cxredge build` wrote"
        )
    if path.stat().st_size > MAX_BYTES:
        raise InputError("MANIFEST-SYNTAX", f"{path} has {path.stat().st_size} bytes", "build the bundle again")
    manifest = _parse(path)
    if seal(manifest).id != manifest.id:
        raise InputError(
            "MANIFEST-ID", f"{path} was changed after it was written: its id does not fit", "build the bundle again"
        )
    check_files(folder, manifest)
    return manifest


def _parse(path: Path) -> Manifest:
    data = path.read_bytes()
    try:
        tree = strict_json.parse(data, MAX_BYTES)
    except ValueError as error:
        raise InputError("MANIFEST-SYNTAX", f"{path} is not valid JSON: {error}", "build the bundle again") from error
    version = tree.get("manifest") if isinstance(tree, dict) else None
    if version != 1:
        raise InputError(
            "MANIFEST-VERSION", f"{path} has schema version {version!a}", "use a cxredge that knows it", ["1"]
        )
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise InputError("MANIFEST-SCHEMA", f"{path}: {place}: {what}", "build the bundle again") from error


def check_files(folder: Path, manifest: Manifest) -> None:
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
    needed = {e.path for e in manifest.artifacts} | {manifest.selftest}
    missing, extra = sorted((listed | needed) - present), sorted(present - listed)
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
        if by_path.get(artifact.path) != artifact.artifact.sha256:
            raise InputError(
                "BUNDLE-HASH", f"{artifact.path}: artifact and file list disagree", "build the bundle again"
            )
