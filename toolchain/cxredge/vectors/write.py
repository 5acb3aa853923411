"""The stage-wise vectors that hold the Python, Kotlin and Swift readers to the same bytes. All films are generated.

``OUT/vectors.json`` lists, with every file by SHA-256 (its path relative to OUT; arrays are raw uint8, C order):

* ``films``: a source file, the input spec, and what each stage gives: ``grey`` (decoded, upright, 8 bit), ``fitted``,
  ``resized``, each as shape [h, w] or [h, w, 3]. ``exact`` is false where platform decoders may differ by
  ``grey_bound`` levels (lossy JPEG): a twin then takes ``grey`` from the file and is exact from there on.
* ``resizes``: one resize each, for sizes that are odd, tiny or extreme.
* ``refusals``: a source file, the spec, and the code that it is refused by.

``OUT/decisions.json`` holds logits, rules and decisions (``decision_cases``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge import strict_json
from cxredge.errors import CxrError, InputError
from cxredge.files import canonical_json, check_replaceable, fresh_directory, read_bytes, sha256_bytes, write_text
from cxredge.images.preprocess import fit, resize
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.decision_cases import decision_cases
from cxredge.vectors.films import films, refusals

FOLDER = "preprocess"
VECTORS, DECISIONS = "vectors.json", "decisions.json"
ENTRIES = {
    VECTORS: {
        "films": {"name", "source", "spec", "exact", "stages"},
        "resizes": {"input", "output"},
        "refusals": {"name", "source", "spec", "code"},
    },
    DECISIONS: {"cases": {"name", "decision", "labels", "logits"}},
}
"""Lists in the two files, and the keys that every entry of each has: by these an earlier file is known."""
HEAD = {VECTORS: {"vectors", "grey_bound"}, DECISIONS: set[str]()}
"""Further keys of the two files."""
MAX_BYTES = 4_000_000
"""Of an earlier file that is to be replaced: far more than ours have."""
PUT = re.compile(r"([0-9a-f]{16})\.[a-z0-9]{1,8}")
"""What files in the folder are called: by the SHA-256 of what they hold."""
GREY_BOUND = 3
"""Levels that a platform's JPEG decoder may differ from ours: a bound that we set, measured on no phone yet."""

# (h, w) -> (H, W): no change, up, down, both at once, one pixel, one axis only, odd ratios
RESIZES = (
    ((16, 16), (16, 16)),
    ((9, 7), (31, 64)),
    ((97, 61), (16, 17)),
    ((50, 50), (20, 60)),
    ((50, 50), (60, 20)),
    ((1, 1), (16, 16)),
    ((1, 83), (16, 16)),
    ((83, 1), (16, 24)),
    ((40, 33), (40, 16)),
    ((33, 40), (16, 40)),
    ((127, 64), (63, 32)),
    ((300, 2), (16, 16)),
)


def write_vectors(out: Path) -> int:
    """Write ``out/vectors.json``, ``out/preprocess/`` and ``out/decisions.json``; returns the number of cases.

    Deterministic: the same package versions give the same bytes. The folder takes its place whole, then the manifest;
    a run that is killed between the two is told by the manifest's hashes. Raises InputError OUTPUT-FOREIGN where
    another file or folder would be replaced, PATH-WRITE, EnvironmentProblem DISK-*.
    """
    for name in ENTRIES:
        check_replaceable(out / name, _foreign_file)
    with fresh_directory(out / FOLDER, _foreign_folder) as folder:
        manifest = {
            "vectors": 1,
            "grey_bound": GREY_BOUND,
            "films": [_film(folder, *film) for film in films()],
            "resizes": [_resize(folder, index, *sizes) for index, sizes in enumerate(RESIZES)],
            "refusals": [_refusal(folder, *refusal) for refusal in refusals()],
        }
    write_text(out / VECTORS, canonical_json(manifest))
    decided = decision_cases()
    write_text(out / DECISIONS, canonical_json({"cases": decided}))
    return len(films()) + len(RESIZES) + len(refusals()) + len(decided)


def _foreign_folder(folder: Path) -> str | None:
    if not folder.is_dir():
        return folder.name
    return next((name for name in sorted(os.listdir(folder)) if not _is_put(folder / name)), None)


def _is_put(file: Path) -> bool:
    """Whether a file holds what its name says, as ``_put`` writes it; a link, a folder or a pipe is none."""
    named = PUT.fullmatch(file.name)
    if named is None or file.is_symlink():
        return False
    try:
        data = read_bytes(file, MAX_BYTES)
    except CxrError:
        return False
    return len(data) <= MAX_BYTES and sha256_bytes(data).startswith(named[1])


def _foreign_file(file: Path) -> str | None:
    try:
        tree = strict_json.parse(read_bytes(file, MAX_BYTES), MAX_BYTES)
    except (CxrError, ValueError):
        return file.name
    entries = ENTRIES[file.name]
    if not isinstance(tree, dict) or tree.keys() != HEAD[file.name] | entries.keys():
        return file.name
    ours = all(_are_entries(tree[name], keys) for name, keys in entries.items())
    return None if ours else file.name


def _are_entries(found: object, keys: set[str]) -> bool:
    return isinstance(found, list) and all(isinstance(entry, dict) and keys <= entry.keys() for entry in found)


def _film(folder: Path, name: str, data: bytes, spec: InputSpec, exact: bool) -> dict[str, object]:
    grey = read_film(data, spec)
    fitted = fit(grey, spec)
    stages = {"grey": grey, "fitted": fitted, "resized": resize(fitted, spec)}
    return {
        "name": name,
        "source": _put(folder, data, Path(name).suffix),
        "spec": spec.model_dump(mode="json"),
        "exact": exact,
        "stages": {stage: _put_array(folder, array) for stage, array in stages.items()},
    }


def _resize(folder: Path, index: int, size: tuple[int, int], goal: tuple[int, int]) -> dict[str, object]:
    # noise shows every weight; a third of it at 0 and 255 shows the clamp
    rng = np.random.Generator(np.random.PCG64(index))
    image = np.clip(rng.integers(-128, 384, size), 0, 255).astype(np.uint8)
    spec = InputSpec(height=goal[0], width=goal[1], fit="squash")
    return {"input": _put_array(folder, image), "output": _put_array(folder, resize(image, spec))}


def _refusal(folder: Path, name: str, data: bytes, spec: InputSpec) -> dict[str, object]:
    try:
        read_film(data, spec)
    except InputError as error:
        source = _put(folder, data, Path(name).suffix)
        return {"name": name, "source": source, "spec": spec.model_dump(mode="json"), "code": error.code}
    raise AssertionError(f"{name} was meant to be refused")


def _put(folder: Path, data: bytes, suffix: str) -> dict[str, object]:
    """Store once by content; equal stages of several cases share a file."""
    digest = sha256_bytes(data)
    name = f"{digest[:16]}{suffix}"
    (folder / name).write_bytes(data)
    return {"file": f"{FOLDER}/{name}", "sha256": digest}


def _put_array(folder: Path, array: NDArray[np.uint8]) -> dict[str, object]:
    return {**_put(folder, array.tobytes(), ".u8"), "shape": list(array.shape)}
