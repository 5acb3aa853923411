"""Signed bundles changed by lot: none is taken for the one that was signed, and none does anything but be refused."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cxredge.bundle.bundle import open_bundle
from cxredge.bundle.keys import PublicKey
from cxredge.bundle.manifest import FILE, SIGNATURE
from cxredge.bundle.signature import verify_signature
from cxredge.errors import InputError
from cxredge.files import canonical_json
from support.bundles import V2, sealed
from support.damage import damaged
from support.json_values import at, places

SOURCE = V2 / "bundle"
FILES = sorted(p.relative_to(SOURCE).as_posix() for p in SOURCE.rglob("*") if p.is_file())
LIKELY = (FILE, SIGNATURE, "record/recipe.json", "selftest/selftest.json")
"""Files that are parsed, and are therefore changed more often."""
OTHERS: tuple[object, ...] = (None, True, 0, -1, 10**30, 0.5, "", "x", "\x1b[2J", "../x", [], {}, ["x"], {"x": 1})


def pick(rng: random.Random) -> str:
    return rng.choice(LIKELY) if rng.random() < 0.6 else rng.choice(FILES)


def bytes_of_a_file(rng: random.Random, folder: Path) -> None:
    file = folder / pick(rng)
    file.write_bytes(damaged(rng, file.read_bytes()))


def a_file_less(rng: random.Random, folder: Path) -> None:
    (folder / pick(rng)).unlink()


def a_file_more(rng: random.Random, folder: Path) -> None:
    names = ("more", ".hidden", "artifacts/x.onnx", "record/more.json", "a\nb", "manifest.json.bak", "selftest/\x1b[2J")
    (folder / rng.choice(names)).write_bytes(rng.randbytes(rng.randrange(9)))


def a_file_renamed(rng: random.Random, folder: Path) -> None:
    file = folder / pick(rng)
    file.rename(file.with_name(rng.choice((file.name.upper(), f"{file.name} ", f"x{file.name}"))))


def a_folder_in_its_place(rng: random.Random, folder: Path) -> None:
    file = folder / pick(rng)
    file.unlink()
    file.mkdir()


def a_link_in_its_place(rng: random.Random, folder: Path) -> None:
    file = folder / pick(rng)
    file.unlink()
    file.symlink_to(rng.choice((SOURCE / file.relative_to(folder), "nowhere", "/etc/passwd", file.name, "/dev/zero")))


def a_pipe_in_its_place(rng: random.Random, folder: Path) -> None:
    file = folder / pick(rng)
    file.unlink()
    os.mkfifo(file)


def two_files_swapped(rng: random.Random, folder: Path) -> None:
    one, other = rng.sample(FILES, 2)
    first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
    (folder / one).write_bytes(second)
    (folder / other).write_bytes(first)


def a_value_of_the_manifest(rng: random.Random, folder: Path) -> None:
    tree = json.loads((folder / FILE).read_bytes())
    place = rng.choice(list(places(tree)))
    at(tree, place[:-1])[place[-1]] = rng.choice(OTHERS)
    (folder / FILE).write_text(canonical_json(tree))


def a_value_of_the_manifest_sealed(rng: random.Random, folder: Path) -> None:
    """With an id that fits again, as whoever changes a bundle can make it."""
    tree = json.loads((folder / FILE).read_bytes())
    place = rng.choice([place for place in places(tree) if place != ("id",)])
    at(tree, place[:-1])[place[-1]] = rng.choice(OTHERS)
    (folder / FILE).write_text(sealed(tree))


WAYS: tuple[tuple[Callable[[random.Random, Path], None], int], ...] = (
    (bytes_of_a_file, 10),
    (a_value_of_the_manifest, 5),
    (a_value_of_the_manifest_sealed, 5),
    *((way, 1) for way in (a_file_less, a_file_more, a_file_renamed, a_folder_in_its_place)),
    *((way, 1) for way in (a_link_in_its_place, a_pipe_in_its_place, two_files_swapped)),
)


def same(folder: Path) -> bool:
    """Whether the change left every byte and every kind of file as it was."""
    there = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()}
    if set(there) != set(FILES) or any(p.is_symlink() or not p.is_file() for p in there.values()):
        return False
    return all(p.read_bytes() == (SOURCE / name).read_bytes() for name, p in there.items())


def fate(folder: Path, signer: PublicKey, way: str) -> str:
    """How verification ended; a change that it takes is a failure, and so is one that opening alone must see."""
    try:
        open_bundle(folder)
        opened = "opened"
    except InputError as error:
        opened = error.code
    try:
        verify_signature(folder, [signer])
    except InputError as error:
        if opened == "opened" and not way.endswith("sealed"):
            # without a signature a bundle's own hashes speak, and they do not cover the signature
            others = [name for name in FILES if name != SIGNATURE]
            assert all((folder / name).read_bytes() == (SOURCE / name).read_bytes() for name in others), way
        return error.code
    assert same(folder), f"{way} was taken for the bundle that was signed"
    return "the same"


def hold(count: int, tmp_path: Path, signer: PublicKey) -> None:
    outcomes: Counter[str] = Counter()
    ways, weights = zip(*WAYS, strict=True)
    for number in range(count):
        rng = random.Random(number)
        folder = tmp_path / "bundle"
        shutil.copytree(SOURCE, folder)
        (way,) = rng.choices(ways, weights)
        way(rng, folder)
        outcomes[fate(folder, signer, way.__name__)] += 1
        shutil.rmtree(folder)
    print(f"{count} bundles:", dict(outcomes.most_common()))
    assert outcomes["the same"] < count / 50


def test_hundreds_of_changed_bundles(tmp_path: Path, signer: PublicKey) -> None:
    hold(200, tmp_path, signer)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_changed_bundles(tmp_path: Path, signer: PublicKey) -> None:
    hold(10_000, tmp_path, signer)
