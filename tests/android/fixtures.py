"""Material for the Android app's tests, made by the product itself; quick when nothing changed since.

``python tests/android/fixtures.py FOLDER`` puts into FOLDER:

- ``bundle/``: the phantom model's host bundle with onnx/w8a8 alone, which the JVM can run, signed;
- ``keys/test.pub``: the public key, a development key made anew with every bundle; ``test.key``: the private one;
- ``films/``: phantom films as PNG;
- ``predict.json``: what ``cxredge predict`` says of them; films are named as seen from the repository's root;
- ``classes/``: ``bundle/`` and ``predict.json`` of a small student with exclusive classes, onnx/fp32;
- ``imported/``: the same of a network that was trained elsewhere (timm's MobileNetV3 with its own head), onnx/fp32;
- ``kinds/``: films that are not of the kind that this student takes, and what is said of those by who goes on;
- ``bare/``: the same of a model with logits and quality alone: no map, no novelty;
- ``old/bundle/``: a bundle whose manifest is of version 1, which no reader accepts;
- ``film-cases/``: generated and damaged films, and what the reference makes of them (``film_cases.py``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from cxredge.files import anything, fresh_directory, sha256_bytes, sha256_file, write_bytes, write_text
from cxredge.vectors.sources import dicom, scene

sys.path.insert(0, str(Path(__file__).parents[1]))
from android import other_bundles

from support import class_student, foreign_student
from support.command import ROOT, must

# what decides the fixtures
SOURCES = (
    "toolchain/cxredge",
    "model_zoo/phantom",
    "requirements.lock",
    *(f"tests/android/{name}.py" for name in ("fixtures", "film_cases", "film_dicoms", "film_jpegs", "film_mutants")),
    "tests/android/other_bundles.py",
    "tests/bundle/make_fixture.py",
    "tests/support/class_student.py",
    "tests/support/foreign_student.py",
    "tests/support/tiny_recipe.py",
)
PATIENTS = 6
STAMP = "made-of"


def digest() -> str:
    """Hash of all that decides the fixtures."""
    files = [p for name in SOURCES for p in [ROOT / name, *sorted((ROOT / name).rglob("*"))]]
    kept = [p for p in files if p.is_file() and "__pycache__" not in p.parts]
    return sha256_bytes("".join(f"{p.relative_to(ROOT)} {sha256_file(p)}\n" for p in kept).encode())


def make(goal: Path) -> None:
    """Make everything anew; each part takes its place whole."""
    goal.mkdir(parents=True, exist_ok=True)
    with fresh_directory(goal / "films", anything) as films:
        must("phantom", films / "set", "--patients", PATIENTS)
        for path in sorted((films / "set" / "images").iterdir()):
            path.rename(films / path.name)
        shutil.rmtree(films / "set")
    with fresh_directory(goal / "bundle", anything) as bundle, fresh_directory(goal / "keys", anything) as keys:
        must("build", "model_zoo/phantom", "--targets", "onnx", "--schemes", "w8a8", "--out", keys / "out")
        (built,) = (keys / "out").iterdir()
        shutil.copytree(built, bundle, dirs_exist_ok=True)
        shutil.rmtree(keys / "out")
        must("keygen", keys / "test", "--development")
        must("sign", bundle, "--key", keys / "test.key")
        os.replace(keys / "test.key", goal / "test.key")
    make_others(goal)
    make_imported(goal)
    subprocess.run([sys.executable, ROOT / "tests" / "android" / "film_cases.py", goal / "film-cases"], check=True)
    write_text(goal / "predict.json", must("predict", goal / "bundle", goal / "films", "--despite-quality", "--json"))


def make_others(goal: Path) -> None:
    """Bundles of other kinds of models, signed by the same key, and what is said of the same films."""
    key = goal / "test.key"
    with fresh_directory(goal / "classes", anything) as classes, fresh_directory(goal / "bare", anything) as bare:
        class_student.make(classes / "recipe", classes / "data" / "drawn")
        must(
            "build", classes / "recipe", "--targets", "onnx", "--schemes", "fp32", "--out", classes / "out",
            CXR_DATA=classes / "data",
        )  # fmt: skip
        (built,) = (classes / "out").iterdir()
        shutil.copytree(built, classes / "bundle")
        for name in ("recipe", "data", "out"):
            shutil.rmtree(classes / name)
        other_bundles.make_bare(classes / "bundle", bare / "bundle")
        for folder in (classes, bare):
            must("sign", folder / "bundle", "--key", key)
        write_text(
            classes / "predict.json", must("predict", classes / "bundle", goal / "films", "--despite-quality", "--json")
        )
        write_text(bare / "predict.json", other_bundles.predict(bare / "bundle", goal / "films"))
    with fresh_directory(goal / "kinds", anything) as kinds:
        (kinds / "films").mkdir()
        film = scene(180, 160, 0, 255)
        write_bytes(kinds / "films" / "mr.dcm", dicom(film, bits=8, Modality="MR", ViewPosition="LL"))
        colour = np.stack([film, film // 2, film // 3], axis=-1)
        write_bytes(kinds / "ultrasound.dcm", dicom(colour, bits=8, Modality="US"))
        write_bytes(kinds / "films" / "no-modality.dcm", dicom(film, bits=8, Modality=None, BodyPartExamined="KNEE"))
    said = must(
        "predict", goal / "classes" / "bundle", goal / "kinds" / "films", "--other-kinds", "--despite-quality", "--json"
    )
    write_text(goal / "kinds" / "predict.json", said)
    with fresh_directory(goal / "old", anything) as old:
        other_bundles.make_old(goal / "classes" / "bundle", old / "bundle", key)


def make_imported(goal: Path) -> None:
    """A network of somebody else's, from its checkpoint to a signed bundle."""
    with fresh_directory(goal / "imported", anything) as imported:
        foreign_student.write_checkpoint(imported / "best.pth")
        must("import", "best.pth", *foreign_student.IMPORT, cwd=imported, CXR_CACHE=ROOT / "build" / "cache")
        recipe = imported / "model_zoo" / "best"
        must("build", recipe, "--targets", "onnx", "--schemes", "fp32", "--out", imported / "out")
        (built,) = (imported / "out").iterdir()
        shutil.copytree(built, imported / "bundle")
        for folder in ("model_zoo", "out"):
            shutil.rmtree(imported / folder)
        must("sign", imported / "bundle", "--key", goal / "test.key")
        write_text(
            imported / "predict.json",
            must("predict", imported / "bundle", goal / "films", "--despite-quality", "--json"),
        )


def main(goal: Path) -> None:
    """Make what is not current, and check the bundle in any case."""
    stamp, now = goal / STAMP, digest()
    if stamp.is_file() and stamp.read_text() == now:
        print(f"{goal}: current")
    else:
        stamp.unlink(missing_ok=True)
        make(goal)
        write_text(stamp, now)
    print(must("verify-signature", goal / "bundle", "--pub", goal / "keys" / "test.pub"), end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
