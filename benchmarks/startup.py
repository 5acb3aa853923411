"""CPU seconds of short commands, with bytecode and without, beside the interpreter's own start; and of a build.

    python benchmarks/startup.py [MODEL] [--rounds 5]

MODEL (default: model_zoo/phantom) is built first, which takes minutes where no stages of it are kept. Then, in turns:
``cxredge --help`` and ``cxredge predict`` on one film with every artifact of the host bundle, each with and without the
bytecode of this project and of its packages; the standard library's is there in both. User and system time of the
whole process, medians. At last, seconds on the clock of a build with nothing changed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

CXREDGE = str(Path(sys.executable).with_name("cxredge"))


def cpu_seconds(command: list[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="model_zoo/phantom")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cxredge-startup-") as folder:
        measure(arguments.model, arguments.rounds, Path(folder))


def measure(model: str, rounds: int, folder: Path) -> None:
    build = [CXREDGE, "build", model, "--out", str(folder / "dist")]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    (bundle,) = (p for p in (folder / "dist").iterdir() if not p.name.endswith(("-android", "-ios")))
    film = next((bundle / "selftest").glob("*.png"))
    artifacts = [entry["artifact"]["name"] for entry in json.loads((bundle / "manifest.json").read_text())["artifacts"]]
    commands = {"--help": [CXREDGE, "--help"]} | {
        f"predict --artifact {name}": [CXREDGE, "predict", str(bundle), str(film), "--artifact", name]
        for name in artifacts
    }

    # where a prefix is set, bytecode beside the sources is not looked at: what lies there is all there is
    plain = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    warm = {**plain, "PYTHONPYCACHEPREFIX": str(folder / "warm")}
    cold = {**plain, "PYTHONPYCACHEPREFIX": str(folder / "cold"), "PYTHONDONTWRITEBYTECODE": "1"}
    for command in commands.values():
        cpu_seconds(command, warm)
    library = Path(sysconfig.get_path("stdlib")).relative_to("/")
    packages = Path(sysconfig.get_path("purelib")).name
    shutil.copytree(folder / "warm" / library, folder / "cold" / library, ignore=shutil.ignore_patterns(packages))

    bare = statistics.median(cpu_seconds([sys.executable, "-c", "pass"], warm) for _ in range(2 * rounds))
    print(f"medians of {rounds}; a bare start of the interpreter takes {bare:.3f} s of CPU")
    print(f"{'':34} {'with bytecode':>14} {'without':>9} {'ratio':>6} {'bare starts, with':>18}")
    for what, command in commands.items():
        pairs = [(cpu_seconds(command, warm), cpu_seconds(command, cold)) for _ in range(rounds)]
        ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"{what:34} {ours:12.2f} s {theirs:7.2f} s {theirs / ours:6.1f} {ours / bare:18.1f}")

    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(build, check=True, capture_output=True, env=warm)
        took.append(time.perf_counter() - began)
    print(f"build {model}, nothing changed: {statistics.median(took):.2f} s on the clock")


if __name__ == "__main__":
    main()
