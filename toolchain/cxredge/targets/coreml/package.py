"""The package as a file: metadata, fixed identifiers, and a zip archive whose bytes depend on the content only."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from pathlib import Path
from typing import Any

from cxredge.files import canonical_json, sha256_bytes, write_bytes
from cxredge.recipe import Recipe
from cxredge.recipe_input import InputSpec
from cxredge.targets.output_words import output_words
from cxredge.vocabulary import ArtifactName, SchemeName

AUTHOR = "cxredge"
KEYS = "cxr_recipe", "cxr_weights_sha256", "cxr_labels", "cxr_input", "cxr_scheme"
"""User-defined metadata: recipe name and version, the float32 student's weights, label names in logit order, the input
spec as JSON, and the scheme. (A bundle's id hashes this very file, so the file cannot hold it.)"""
KEEP_KEY = "cxr_keep_float"
"""Patterns of the recipe for this artifact, as JSON; absent where it keeps nothing in float."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The least time that a zip entry can carry."""
FOLDER = "com.apple.CoreML"
MODEL, WEIGHTS = "model.mlmodel", "weights"


def write_package(model: Any, recipe: Recipe, scheme: SchemeName, path: Path) -> None:
    """Write a coremltools ``MLModel`` as a zipped ``.mlpackage``; equal content gives equal bytes."""
    spec = model.get_spec()
    _describe(spec.description, recipe, scheme)
    data = spec.SerializeToString(deterministic=True)
    blob = (Path(model.weights_dir) / "weight.bin").read_bytes()
    files = {
        "Manifest.json": _manifest(sha256_bytes(data), sha256_bytes(blob)),
        f"Data/{FOLDER}/{MODEL}": data,
        f"Data/{FOLDER}/{WEIGHTS}/weight.bin": blob,
    }
    stream = io.BytesIO()
    # stored, not deflated: INT8 weights hardly shrink, and an app's own archive compresses once more
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{recipe.name}.mlpackage/{name}", EPOCH)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    write_bytes(path, stream.getvalue())


def _describe(description: Any, recipe: Recipe, scheme: SchemeName) -> None:
    metadata = description.metadata
    metadata.author = AUTHOR
    metadata.license = recipe.licence
    metadata.versionString = recipe.version
    metadata.shortDescription = f"{recipe.card.summary} Not a medical device."
    # coremltools notes its own version and the date of the conversion
    metadata.userDefined.clear()
    values = (
        f"{recipe.name}-{recipe.version}",
        recipe.weights.sha256,
        ",".join(recipe.labels.names),
        canonical_json(recipe.input.preprocessing.model_dump(mode="json")),
        scheme,
    )
    for key, value in zip(KEYS, values, strict=True):
        metadata.userDefined[key] = value
    patterns = recipe.keep_float.get(ArtifactName.of("coreml", scheme), ())
    if patterns:
        metadata.userDefined[KEEP_KEY] = canonical_json(patterns)
    texts = {"image": _image(recipe.input), **output_words(recipe, "labels x rows x columns")}
    for feature in (*description.input, *description.output):
        feature.shortDescription = texts[feature.name]


def _image(spec: InputSpec) -> str:
    kind = "grey" if spec.channels == 1 else "RGB"
    return f"radiograph after the bundle's input spec, {kind} levels 0..255 as float32, channels first"


def _manifest(model: str, weights: str) -> bytes:
    """``Manifest.json`` with identifiers that name the content (RFC 9562, version 5) in place of random ones."""

    def identifier(digest: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, digest))

    def entry(name: str, what: str, path: str) -> dict[str, str]:
        return {"author": FOLDER, "description": what, "name": name, "path": f"{FOLDER}/{path}"}

    root = identifier(model)
    manifest = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {
            root: entry(MODEL, "CoreML Model Specification", MODEL),
            identifier(weights): entry(WEIGHTS, "CoreML Model Weights", WEIGHTS),
        },
        "rootModelIdentifier": root,
    }
    return (json.dumps(manifest, indent=4, sort_keys=True) + "\n").encode()
