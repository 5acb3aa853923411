"""What this machine can build, run and verify. Each runtime is really imported, in a process of its own."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from cxredge.errors import CxrError
from cxredge.progress import track
from cxredge.stages import cache_folder
from cxredge.targets import TARGETS, get_target
from cxredge.vocabulary import Frozen

BUILD_GIGABYTES = 2.0
"""Free disk that a build of a MobileNetV2-class recipe was seen to need, with room to spare."""

IMPORT_SECONDS = 120


class Check(Frozen):
    """One question, answered."""

    what: str
    good: bool
    why: str
    fix: str = ""


def checks() -> list[Check]:
    """All checks, machine first, then target by target, then data. Takes seconds: it imports every runtime."""
    found = [_python(), _disk()]
    with ThreadPoolExecutor(max_workers=2) as pool:
        pairs = pool.map(_target, TARGETS)
        for pair in track(pairs, "importing runtimes", total=len(TARGETS)):
            found += pair
    found.append(_data())
    return found


def _python() -> Check:
    version = platform.python_version()
    return Check(
        what="Python 3.11",
        good=sys.version_info[:2] == (3, 11),
        why=f"{version} on {platform.system()} {platform.machine()}",
        fix="make the environment with Python 3.11: make setup PYTHON=python3.11",
    )


def _disk() -> Check:
    place = cache_folder().absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    return Check(
        what="disk",
        good=free >= BUILD_GIGABYTES,
        why=f"{free:.1f} GB free for the cache, a build needs about {BUILD_GIGABYTES:.0f}",
        fix="free some space, or set CXR_CACHE to another disk",
    )


def _target(name: str) -> list[Check]:
    """Build and run, by packages and then by a real import."""
    target = get_target(name)
    availability = target.availability()
    stand_in = "" if target.runtime().native else f" ({target.runtime().name})"
    answers = []
    for what, obstacle, code in (
        (f"build {name}", availability.build, "import_exporter"),
        (f"run and verify {name}{stand_in}", availability.run, "import_runtime"),
    ):
        obstacle = obstacle or _import(name, code)
        versions = target.tools()
        words = [f"{p} {v}" for p, v in versions.items()]
        words += [f"no {p}: {instead}" for p, instead in target.stand_ins.items() if p not in versions]
        tools = ", ".join(words)
        fix = availability.fix or "install cxredge again (in the repository: make setup); if it stays, report this line"
        answers.append(Check(what=what, good=obstacle is None, why=obstacle or tools, fix=fix))
    return answers


def _import(name: str, method: str) -> str | None:
    """None when the import works, else what it said."""
    script = f"from cxredge.targets import get_target; get_target({name!r}).{method}()"
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", script],
            capture_output=True,
            timeout=IMPORT_SECONDS,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"its import took longer than {IMPORT_SECONDS} s"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"its import fails: {lines[-1] if lines else f'status {done.returncode}'}"


def _data() -> Check:
    from cxredge.data.folder_table import sets_in
    from cxredge.data.root import data_root

    try:
        root = data_root()
    except CxrError as error:
        return Check(what="films", good=False, why=f"{error.cause}; phantom recipes need none", fix=error.fix)
    sets = sets_in(root)
    return Check(what="films", good=bool(sets), why=f"{len(sets)} data sets: {', '.join(sets)}", fix="set CXR_DATA")
