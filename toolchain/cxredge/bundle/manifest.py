"""The manifest: what a bundle says of itself, as data that an app can check before it parses a model.

Schema version 2, and all that a phone needs: the model, its artifacts, the self-test, and every other file by size and
SHA-256. What only a host reads lies in listed files (``record``). It is written in one way, byte for byte, and refused
in any other. The JSON Schema is published under ``docs/schemas/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from cxredge import strict_json
from cxredge.bundle.model import Model
from cxredge.errors import InputError, nearest
from cxredge.files import canonical_json, read_bytes, sha256_bytes
from cxredge.vocabulary import ArtifactName, Frozen, Label, SchemeName, Sha256, TargetName, Text

FILE = "manifest.json"
SIGNATURE = "model.sig"
VERSION = 2
MAX_BYTES = 1_000_000
BundleKind = Literal["host", "android", "ios"]
FAILED: Literal["failed"] = "failed"
"""In place of a kind, in what a build leaves whose gates were not kept: nothing that signs or ships takes it."""
AnyKind = BundleKind | Literal["failed"]
PATH = r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$"
BundlePath = Annotated[str, StringConstraints(pattern=PATH, max_length=200)]
"""Relative, with forward slashes, and never out of the bundle."""
Size = Annotated[int, Field(ge=1, le=1024)]
Allowed = Annotated[float, Field(ge=0)]


class BundledFile(Frozen):
    """One file of the bundle."""

    path: BundlePath
    bytes: int = Field(ge=0)
    sha256: Sha256


class TensorSpec(Frozen):
    """One input or output of an artifact, as an app must feed or read it."""

    name: Literal["image", "logits", "cam", "novelty", "quality"]
    index: int = Field(ge=0)
    """Position, for runtimes that address tensors by order."""
    shape: Annotated[tuple[Size, ...], Field(min_length=1, max_length=4)]
    dtype: Literal["float32"]
    layout: Literal["NCHW", "NHWC", "NC", "N", "NK"]
    """Meaning of each axis."""


class Tolerance(Frozen):
    """How far an app's own outputs may be from the self-test's expected ones; None where there is no such output."""

    logits_abs: Allowed
    cam_abs: Allowed | None
    novelty_rel: Allowed | None
    quality_abs: Allowed | None


class ArtifactEntry(Frozen):
    """One artifact of this bundle, with what an app needs to call it."""

    name: ArtifactName
    path: BundlePath
    sha256: Sha256
    inputs: Annotated[tuple[TensorSpec, ...], Field(min_length=1, max_length=1)]
    outputs: Annotated[tuple[TensorSpec, ...], Field(min_length=1, max_length=4)]
    tolerance: Tolerance
    temperature: float = Field(gt=0)
    """sigmoid, or softmax, of logit / temperature is what an app may show as a probability, if it shows one at all."""
    too_few: dict[Label, Text]
    """Labels whose parity figures rest, or may rest, on too few patients, and what the verdict says of it."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the outputs, as a runner gives them for one film: maps in the layout NCHW."""
        return {
            t.name: tuple(t.shape[axis] for axis in (0, 3, 1, 2)) if t.layout == "NHWC" else t.shape
            for t in self.outputs
        }

    @property
    def target(self) -> TargetName:
        """Of the name."""
        return self.name.target

    @property
    def scheme(self) -> SchemeName:
        """Of the name."""
        return self.name.scheme


def tensors(model: Model, layout: str, cells: tuple[int, int] | None) -> dict[str, tuple[TensorSpec, ...]]:
    """``inputs`` and ``outputs`` of an artifact of ``model`` whose target keeps images in ``layout``.

    cells: rows and columns of the map; None without one.
    """

    def image(channels: int, rows: int, columns: int) -> tuple[int, ...]:
        return (1, channels, rows, columns) if layout == "NCHW" else (1, rows, columns, channels)

    spec, classes = model.input, len(model.labels)
    shapes: dict[str, tuple[tuple[int, ...], str]] = {"logits": ((1, classes), "NC")}
    if cells is not None:
        shapes["cam"] = image(classes, *cells), layout
    if model.novelty is not None:
        shapes["novelty"] = (1,), "N"
    if model.quality is not None:
        shapes["quality"] = (1, len(model.quality)), "NK"

    def spec_of(name: str, index: int, shape: tuple[int, ...], axes: str) -> TensorSpec:
        return TensorSpec.model_validate(
            {"name": name, "index": index, "shape": shape, "dtype": "float32", "layout": axes}
        )

    return {
        "inputs": (spec_of("image", 0, image(spec.channels, spec.height, spec.width), layout),),
        "outputs": tuple(spec_of(name, i, *shape) for i, (name, shape) in enumerate(shapes.items())),
    }


class AnyManifest(Frozen):
    """What every bundle says of itself, whether it may be shipped or not."""

    manifest: Literal[2]
    kind: AnyKind
    id: str
    """``name-version-`` and the first 12 digits of a hash over everything else in this manifest."""
    model: Model
    artifacts: Annotated[tuple[ArtifactEntry, ...], Field(min_length=1, max_length=32)]
    primary: ArtifactName
    """The artifact that is used first."""
    selftest: BundlePath
    """Path of the self-test's known answers."""
    files: tuple[BundledFile, ...]
    """All but the manifest and the signature, sorted by path."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)):
            raise ValueError("files must be sorted by path, each once")
        names = [entry.name for entry in self.artifacts]
        if len(set(names)) != len(names):
            raise ValueError("an artifact's name appears twice")
        if self.primary not in names:
            raise ValueError(f"primary is {self.primary}, which is none of the artifacts")
        for needed in (*(entry.path for entry in self.artifacts), self.selftest):
            if needed not in paths:
                raise ValueError(f"{needed} is not among the files")
        for entry in self.artifacts:
            _check_entry(self.model, entry)
        return self

    @property
    def holds_reference(self) -> bool:
        """Whether the float32 student lies in the bundle."""
        return holds_reference(self.kind)

    def artifact(self, name: str) -> ArtifactEntry:
        """The artifact of that name. Raises InputError BUNDLE-ARTIFACT with the choices."""
        for entry in self.artifacts:
            if entry.name == name:
                return entry
        known = [entry.name for entry in self.artifacts]
        raise InputError(
            "BUNDLE-ARTIFACT", f"the bundle {self.id} has no artifact {name}", "choose one", nearest(name, known)
        )


class Manifest(AnyManifest):
    """A bundle, as far as a phone must know it."""

    kind: BundleKind


class FailedManifest(AnyManifest):
    """What a build leaves whose gates were not kept: a host bundle to be looked into, which nobody may ship.

    It is no ``Manifest``, and outside its schema: what reads bundles for use refuses it.
    """

    kind: Literal["failed"]
    failed: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Every gate that was not kept, in words: ``onnx/w8a8: flip_rate is 0.04, the bound is at most 0.03``."""


M = TypeVar("M", bound=AnyManifest)


def holds_reference(kind: AnyKind) -> bool:
    """Whether bundles of this kind hold the float32 student, and all artifacts of their build."""
    return kind in ("host", FAILED)


def _check_entry(model: Model, entry: ArtifactEntry) -> None:
    """Raises ValueError where an artifact's tensors, tolerances or labels are not those of the model."""
    layout = entry.inputs[0].layout
    found = {tensor.name: tensor for tensor in entry.outputs}
    if ("cam" in found) != (model.heatmap != "none"):
        raise ValueError(f"{entry.name}: heatmap is {model.heatmap}, and the outputs are {', '.join(found)}")
    cam = found["cam"].shape if "cam" in found else None
    if layout not in ("NCHW", "NHWC") or (cam is not None and len(cam) != 4):
        raise ValueError(f"{entry.name}: image or map is in no layout of an image")
    cells = None if cam is None else (cam[2], cam[3]) if layout == "NCHW" else (cam[1], cam[2])
    if {"inputs": entry.inputs, "outputs": entry.outputs} != tensors(model, layout, cells):
        raise ValueError(f"{entry.name}: inputs and outputs are not those of the model")
    tolerance = entry.tolerance
    for output, allowed in (
        ("cam", tolerance.cam_abs),
        ("novelty", tolerance.novelty_rel),
        ("quality", tolerance.quality_abs),
    ):
        if (output in found) != (allowed is not None):
            raise ValueError(f"{entry.name}: tolerance and outputs disagree about {output}")
    unknown = sorted(set(entry.too_few) - set(model.names))
    if unknown:
        raise ValueError(f"{entry.name}: too_few names {unknown[0]}, which is no label")


def text(manifest: AnyManifest) -> str:
    """The manifest as it is written: nothing else is read."""
    return canonical_json(manifest.model_dump(mode="json"))


def seal(manifest: M) -> M:
    """The manifest with its id, which hashes everything but the id itself."""
    digest = sha256_bytes(text(manifest.model_copy(update={"id": ""})).encode())
    return manifest.model_copy(update={"id": f"{manifest.model.name}-{manifest.model.version}-{digest[:12]}"})


def parse_manifest(path: Path) -> Manifest:
    """The manifest in a file, checked by itself.

    Raises InputError MANIFEST-SYNTAX, MANIFEST-VERSION, MANIFEST-SCHEMA or MANIFEST-ID, BUNDLE-FAILED for what a build
    left whose gates were not kept, and what ``files.read_bytes`` raises.
    """
    found = parse_any_manifest(path)
    if isinstance(found, Manifest):
        return found
    raise InputError(
        "BUNDLE-FAILED",
        f"{path.parent} is what a build left whose gates were not kept, and is for looking into alone",
        "build again so that every gate is kept, and name that bundle; `cxredge explain` tells what this one loses",
    )


def parse_any_manifest(path: Path) -> AnyManifest:
    """``parse_manifest``, which takes what a failed build left too: for what neither signs nor ships."""
    data = read_bytes(path, MAX_BYTES)
    try:
        tree = strict_json.parse(data, MAX_BYTES)
    except ValueError as error:
        raise InputError("MANIFEST-SYNTAX", f"{path} is not valid JSON: {error}", "build the bundle again") from error
    _check_version(path, tree)
    try:
        manifest: AnyManifest = _schema(tree).model_validate_json(data)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise InputError("MANIFEST-SCHEMA", f"{path}: {place}: {what}", "build the bundle again") from error
    if text(manifest).encode() != data:
        raise InputError(
            "MANIFEST-SCHEMA", f"{path} is not written as a build writes it, byte for byte", "build the bundle again"
        )
    if seal(manifest).id != manifest.id:
        raise InputError(
            "MANIFEST-ID", f"{path} was changed after it was written: its id does not fit", "build the bundle again"
        )
    return manifest


def _schema(tree: object) -> type[AnyManifest]:
    return FailedManifest if isinstance(tree, dict) and tree.get("kind") == FAILED else Manifest


def _check_version(path: Path, tree: object) -> None:
    other = strict_json.other_version(tree, "manifest", VERSION)
    if other is None:
        return
    version, newer = other
    raise InputError(
        "MANIFEST-VERSION",
        f"{path} has schema version {version}",
        "use a cxredge that knows it" if newer else "build the bundle again",
        [str(VERSION)],
    )
