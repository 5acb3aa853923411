"""The wheel where users install it: resolved without the lock's overrides, in an environment outside the repository.

The registry that uv is set up for must be reached. uv takes what it can from its cache, which `make setup` filled.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from support.clean_python import build_wheel, install, outside, resolve
from support.command import ROOT, must

NETWORK = """
from torch import nn

def make(num_classes: int = 2, in_channels: int = 1) -> nn.Module:
    first = nn.Conv2d(in_channels, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6()
    second = nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU6()
    return nn.Sequential(*first, *second, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, num_classes))
"""
WEIGHTS = """
import torch, net
torch.manual_seed(0)
torch.save(net.make().state_dict(), "mine.pth")
"""
IMPORT = (
    "import mine.pth --code net.py:make --labels Effusion,Edema --normalise unit --size 64 --data films --novelty none"
)
BUILD = ("build", "model_zoo/mine", "--targets", "tflite", "--schemes", "fp32,w8a8")
PLATFORMS = "x86_64-unknown-linux-gnu", "aarch64-apple-darwin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user's: films (a bright spot left or right on a slope), a network and its weights."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("user")
    (folder / "data" / "films" / "images").mkdir(parents=True)
    rows, columns = np.mgrid[0:64, 0:64]
    table = [("file", "group", "split", "Effusion", "Edema")]
    rng = np.random.default_rng(0)
    for split, count in ("train", 20), ("val", 110), ("test", 110):
        for i in range(count):
            left, bright = i % 2, i // 2 % 2
            spot = np.exp(-((columns - (20 if left else 44)) ** 2 + (rows - rng.integers(20, 44)) ** 2) / 120)
            grey = 60 + 40 * bright + columns * 0.5 + rng.integers(0, 20) + 80 * spot
            name = f"images/{split}-{i}.png"
            Image.fromarray(grey.astype(np.uint8)).save(folder / "data" / "films" / name)
            table.append((name, f"{split}-{i}", split, str(left), str(bright)))
    with (folder / "data" / "films" / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    (folder / "net.py").write_text(NETWORK)
    return folder


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_installer_finds_one_set_and_what_decides_bytes_is_the_locks(wheel: Path, platform: str) -> None:
    done = resolve(wheel, "--python-platform", platform, MACOSX_DEPLOYMENT_TARGET="14.0")
    found = dict(re.findall(r"^([\w.-]+)==(\S+)", done.must(), re.M))
    assert "tflite-support" not in found
    lock = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.M))
    pinned = re.findall(r'^  "([\w.-]+)==([^" ]+)', (ROOT / "pyproject.toml").read_text(), re.M)
    decisive = {name: version for name, version in pinned if name in found}
    assert {"torch", "executorch", "litert-torch", "coremltools", "onnxruntime", "pillow", "numpy"} <= decisive.keys()
    assert {name: found[name] for name in decisive} == decisive == {name: lock[name] for name in decisive}


@pytest.mark.slow
def test_pips_own_resolver_finds_one_too(wheel: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    asked = ("--dry-run", "--ignore-installed", "--quiet", "--report", report)
    outside([sys.executable, "-m", "pip", "install", *asked, wheel], tmp_path).must()
    found = {one["metadata"]["name"].lower() for one in json.loads(report.read_text())["install"]}
    assert {"cxredge", "torch", "litert-torch", "xdsl", "pydantic"} <= found
    assert not {"tflite-support", "model-signing"} & found


def test_the_wheel_says_which_python_it_is_for(wheel: Path) -> None:
    """pip refuses another; uv looks at no upper bound, and `doctor` says it then."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        assert "Requires-Python: <3.12,>=3.11" in archive.read(metadata).decode().splitlines()


@pytest.fixture
def python(wheel: Path, tmp_path: Path) -> Iterator[Path]:
    """Of a new environment, which goes at the end: pytest would keep its folders, and this one is large."""
    yield install(wheel, tmp_path / "environment")
    shutil.rmtree(tmp_path / "environment")


def test_it_works_outside_the_repository(python: Path, place: Path, tmp_path: Path) -> None:
    command, data = python.with_name("cxredge"), str(place / "data")
    where = outside([python, "-c", "import cxredge; print(cxredge.__file__)"], place).must()
    assert Path(where.strip()).is_relative_to(tmp_path)
    found = json.loads(outside([command, "doctor", "--json"], place, CXR_DATA=data).must())
    assert {check["what"]: check["good"] for check in found if not check["good"]} == {}
    (tflite,) = (check["why"] for check in found if check["what"] == "build tflite")
    assert "no tflite-support: the same metadata is written without it" in tflite

    outside([python, "-c", WEIGHTS], place).must()
    outside([command, *IMPORT.split()], place, CXR_DATA=data).must()
    recipe = place / "model_zoo" / "mine" / "model.yaml"
    # nobody trained this network
    untrained, count = re.subn(r"^evaluation:\n", "evaluation:\n  chance: allowed\n", recipe.read_text(), flags=re.M)
    assert count == 1
    recipe.write_text(untrained)
    assert "kept" in outside([command, *BUILD], place, CXR_DATA=data).must()
    with zipfile.ZipFile(place / "dist" / "mine-1.0.0" / "artifacts" / "tflite" / "w8a8.tflite") as packed:
        assert packed.read("labels.txt") == b"Effusion\nEdema\n"


@pytest.mark.slow
def test_the_locked_environment_builds_the_same_bytes(place: Path, tmp_path: Path) -> None:
    """With tflite-support, of which the test above (it runs first) has none, and with newer readers of recipes."""
    built = place / "dist" / "mine-1.0.0" / "artifacts" / "tflite"
    variables = {"CXR_DATA": place / "data", "CXR_CACHE": tmp_path / "cache"}
    must(BUILD[0], place / BUILD[1], *BUILD[2:], "--out", tmp_path / "dist", **variables)
    for name in "fp32.tflite", "w8a8.tflite":
        ours = tmp_path / "dist" / "mine-1.0.0" / "artifacts" / "tflite" / name
        assert ours.read_bytes() == (built / name).read_bytes()
