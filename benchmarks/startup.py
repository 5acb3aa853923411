"""Seconds of ``cxredge --help`` and of a build with nothing changed, beside the interpreter's own start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path


def seconds(command: list[str], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return times


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "model_zoo/phantom"
    cxredge = str(Path(sys.executable).with_name("cxredge"))
    bare = statistics.median(seconds([sys.executable, "-c", "pass"], 10))
    for what, command, rounds in (
        ("cxredge --help", [cxredge, "--help"], 10),
        (f"cxredge build {model}, nothing changed", [cxredge, "build", model], 5),
    ):
        seconds(command, 1)
        times = seconds(command, rounds)
        median = statistics.median(times)
        spread = f"min {min(times):.2f}, max {max(times):.2f}"
        print(f"{what}: median {median:.2f} s ({spread}), {median / bare:.1f} bare starts")


if __name__ == "__main__":
    main()
