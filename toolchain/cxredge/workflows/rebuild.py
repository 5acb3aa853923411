"""Whether a recipe gives the same bytes again: two builds that share nothing but the recipe, compared file by file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.bundle.bundle import read_manifest, walk_files
from cxredge.bundle.manifest import SIGNATURE
from cxredge.errors import InputError, ProofFailed
from cxredge.recipe import recipe_path
from cxredge.scratch import temporary

# what may differ between two people's machines and must not decide a byte
SURROUNDINGS = ({"PYTHONHASHSEED": "1", "TZ": "UTC"}, {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu"})
BLOCK = 1 << 20


@dataclass(frozen=True)
class Same:
    """One bundle that both builds gave: its id, kind, and what was compared."""

    id: str
    kind: str
    files: int
    bytes: int


def rebuild(
    place: Path,
    targets: tuple[str, ...],
    schemes: tuple[str, ...],
    bundles: Sequence[Path] = (),
    say: Callable[[str], None] = lambda line: None,
) -> list[Same]:
    """Build a recipe twice, each in a process, an empty cache and a folder for scratch of its own, and compare.

    bundles: built elsewhere, of this recipe and these parts of it, and compared too; their signatures are not. Raises
    ProofFailed REBUILD-DIFFERS with the first file and offset, InputError REBUILD-FAILED when a build ends badly (it
    has said why), and BUNDLE-* or MANIFEST-* for a bundle that is not whole.
    """
    given = [(bundle, read_manifest(bundle)) for bundle in bundles]
    with temporary("rebuild") as folder:
        outs = []
        for number, surroundings in enumerate(SURROUNDINGS, start=1):
            say(f"build {number} of {len(SURROUNDINGS)}")
            outs.append(_build(folder / str(number), place, targets, schemes, surroundings))
        one, two = outs
        compare(one, two)
        found = []
        for built in sorted(one.iterdir()):
            manifest = read_manifest(built)
            for bundle, other in given:
                if other.kind == manifest.kind:
                    compare(built, bundle)
            files = _files(built).values()
            found.append(Same(manifest.id, manifest.kind, len(files), sum(p.stat().st_size for p in files)))
        kinds = [same.kind for same in found]
        for bundle, other in given:
            if other.kind not in kinds:
                raise InputError(
                    "REBUILD-KIND",
                    f"{bundle} is an {other.kind} bundle, and the builds gave none",
                    "name another",
                    kinds,
                )
    return found


def _build(
    work: Path, place: Path, targets: tuple[str, ...], schemes: tuple[str, ...], surroundings: dict[str, str]
) -> Path:
    scratch = work / "tmp"
    scratch.mkdir(parents=True)
    environment = {**os.environ, **surroundings, "CXR_CACHE": str(work / "cache"), "TMPDIR": str(scratch)}
    options = [f"--{name}={','.join(some)}" for name, some in (("targets", targets), ("schemes", schemes)) if some]
    program = "from cxredge.cli.start import main; main()"
    out = work / "dist"
    done = subprocess.run(
        # the place comes last: its name may begin with a dash
        [sys.executable, "-P", "-c", program, "build", "--out", str(out), *options, "--", str(recipe_path(place))],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise InputError(
            "REBUILD-FAILED", f"a build of {place} ended with status {done.returncode}", "see what it said above"
        )
    return out


def compare(one: Path, two: Path) -> None:
    """Hold two folders against each other, signatures apart. Raises ProofFailed REBUILD-DIFFERS."""
    left, right = _files(one), _files(two)
    if left.keys() != right.keys():
        path = min(left.keys() ^ right.keys())
        raise _differs(one, two, f"{path} is in one of them only")
    for path in sorted(left):
        offset = first_difference(left[path], right[path])
        if offset is not None:
            raise _differs(one, two, f"{path} differs from byte {offset}")


def first_difference(one: Path, two: Path) -> int | None:
    """Offset of the first byte that differs, the length of the shorter file if it begins the other; None: equal."""
    offset = 0
    with one.open("rb") as left, two.open("rb") as right:
        while True:
            a, b = left.read(BLOCK), right.read(BLOCK)
            if a != b:
                shorter = min(len(a), len(b))
                return offset + next((i for i in range(shorter) if a[i] != b[i]), shorter)
            if not a:
                return None
            offset += len(a)


def _files(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name, _ in walk_files(folder) if name != SIGNATURE}


def _differs(one: Path, two: Path, what: str) -> ProofFailed:
    return ProofFailed(
        "REBUILD-DIFFERS",
        f"{one.name} and {two.name}: {what}",
        "find what decides that byte: a package's version, a seed, an order, a clock or a path",
    )
