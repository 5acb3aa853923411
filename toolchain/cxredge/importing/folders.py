"""Folders that carry a network's weights and what they say of it: timm's (as its hub writes them) and MONAI bundles."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from cxredge.errors import InputError
from cxredge.files import read_bytes
from cxredge.importing.facts import Facts, facts_of, monai_facts
from cxredge.importing.forms import SAVE
from cxredge.path_errors import reading, shown
from cxredge.strict_json import parse

MAX_CONFIG = 4 << 20
"""Bytes of a configuration: a thousand labels have 50,000."""
TIMM_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
MONAI_CONFIG = Path("configs") / "metadata.json"
MONAI_WEIGHTS = (Path("models") / "model.pt", Path("models") / "model.safetensors")
SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".pt2", ".tar")
SHOWN = 8


@dataclass(frozen=True)
class Folder:
    """A folder's kind in words, its file of weights and what its configuration says."""

    form: str
    weights: Path
    facts: Facts


def read_folder(place: Path) -> Folder:
    """What a folder is. Its weights are not opened.

    Raises InputError IMPORT-FOLDER (of no known kind, or without weights, naming the files that may be meant),
    IMPORT-CONFIG (a configuration that is no JSON), PATH-READ; EnvironmentProblem DISK-*.
    """
    with reading(place):
        listed = sorted(os.listdir(place))
    if "saved_model.pb" in listed or "Manifest.json" in listed:
        kind = "a TensorFlow SavedModel" if "saved_model.pb" in listed else "a Core ML package"
        raise _refuse(place, f"is {kind}, which holds no state dict", [])
    if ".metadata" in listed and any(name.endswith(".distcp") for name in listed):
        raise InputError(
            "IMPORT-FOLDER",
            f"{shown(place)} is a distributed checkpoint, in parts",
            "join it: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pth",
        )
    if "data.pkl" in listed:
        raise InputError(
            "IMPORT-FOLDER",
            f"{shown(place)} is a file of torch.save that was unpacked",
            "download it again without unpacking, or pack it: zip -0 -r weights.pth FOLDER",
        )
    if (place / MONAI_CONFIG).is_file():
        return Folder("MONAI bundle", _first(place, MONAI_WEIGHTS), monai_facts(_config(place / MONAI_CONFIG)))
    if "config.json" in listed:
        config = _config(place / "config.json")
        if isinstance(config, dict) and isinstance(config.get("architecture"), str):
            return Folder("timm folder", _first(place, tuple(map(Path, TIMM_WEIGHTS))), _timm_facts(config))
    raise _refuse(
        place,
        "is no folder that is known: neither config.json with an architecture (timm) nor configs/metadata.json (MONAI)",
        [name for name in listed if name.endswith(SUFFIXES)][:SHOWN],
    )


def _timm_facts(config: dict[str, object]) -> Facts:
    """timm names a network without its family; ``timm/`` makes it one name of ours."""
    found = facts_of(config)
    # its architecture stands twice, with the tag of its weights behind a dot in one of them
    disputed = tuple(name for name in found.disputed if name != "architecture")
    return replace(found, architecture=f"timm/{config['architecture']}", disputed=disputed)


def _config(path: Path) -> object:
    try:
        return parse(read_bytes(path, MAX_CONFIG), MAX_CONFIG)
    except ValueError as error:
        raise InputError("IMPORT-CONFIG", f"{shown(path)} is no JSON: {error}", "restore the file") from error


def _first(place: Path, names: tuple[Path, ...]) -> Path:
    for name in names:
        if (place / name).is_file():
            return place / name
    raise _refuse(place, f"has no {' and no '.join(map(str, names))}", [])


def _refuse(place: Path, why: str, choices: list[str]) -> InputError:
    fix = "name the file of weights in it" if choices else f"name a file of weights: {SAVE}"
    return InputError("IMPORT-FOLDER", f"{shown(place)} {why}", fix, choices)
