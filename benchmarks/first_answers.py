"""Seconds until ``doctor`` answers, and until commands refuse a recipe whose data are not there; before and now.

    python benchmarks/first_answers.py [--before CHECKOUT] [--rounds 3]

CHECKOUT is another working tree of this repository, run with this one's packages, in turns with this one: what a shared
machine is busy with meets both alike. Seconds on the clock and, of refusals, CPU seconds; medians, and their ratio.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "from cxredge.cli.start import main; main()"
IMPORT = ["import", "network.pth", "--arch", "timm/resnet18", "--labels", "a,b", "--data", "nowhere", "--name", "new"]
COMMANDS = {
    "doctor": ["doctor"],
    "distill, no data": ["distill", "model_zoo/lacking"],
    "thresholds, no data": ["thresholds", "model_zoo/lacking"],
    "build, no data": ["build", "model_zoo/lacking"],
    "plan, no data": ["plan", "model_zoo/lacking"],
    "import, no data": IMPORT,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    trees = {"now": ROOT} | ({} if arguments.before is None else {"before": arguments.before.resolve()})
    with tempfile.TemporaryDirectory(prefix="cxredge-answers-") as folder:
        work = Path(folder)
        place = work / "model_zoo" / "lacking"
        shutil.copytree(ROOT / "model_zoo" / "phantom", place)
        recipe = (place / "model.yaml").read_text()
        start = recipe.index("\ndata:\n") + 1
        end = recipe.index("\n\n", start)
        lacking = "data: {source: folder, name: nowhere}"
        (place / "model.yaml").write_text(recipe[:start] + lacking + recipe[end:])
        (work / "network.pth").touch()
        (work / "data" / "there").mkdir(parents=True)
        (work / "data" / "there" / "labels.csv").write_text("file,group,split\n")
        print(f"medians of {arguments.rounds}, in turns")
        print(f"{'':22}" + "".join(f"{name:>20}" for name in trees) + f"{'ratio':>8}")
        for what, command in COMMANDS.items():
            for tree in trees.values():
                once(command, tree, work)  # bytecode, and files in memory
            taken = [{name: once(command, tree, work) for name, tree in trees.items()} for _ in range(arguments.rounds)]
            clock = {name: statistics.median(one[name][0] for one in taken) for name in trees}
            spent = {name: statistics.median(one[name][1] for one in taken) for name in trees}
            shown = "".join(f"{clock[name]:10.2f} s, CPU{spent[name]:5.1f}" for name in trees)
            ratio = f"{clock['before'] / clock['now']:8.1f}" if "before" in clock else ""
            print(f"{what:22}{shown}{ratio}", flush=True)


def once(command: list[str], tree: Path, work: Path) -> tuple[float, float]:
    """Seconds on the clock, and of the CPU as far as processes are waited for (of ``doctor`` not all are)."""
    plain = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment = {
        **plain,
        "PYTHONPATH": str(tree / "toolchain"),
        "PYTHONPYCACHEPREFIX": str(work / "bytecode"),
        "CXR_DATA": str(work / "data"),
        "CXR_CACHE": str(work / "cache"),
    }
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *command], cwd=work, env=environment, capture_output=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
