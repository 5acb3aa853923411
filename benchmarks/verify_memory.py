"""Peak memory of ``cxredge verify --data``, all its processes together, on 200 and on 2,000 films: does it grow?

    python benchmarks/verify_memory.py BUNDLE [--before CHECKOUT] [--films 200 2000]

The films are phantoms: a hundred patients' are drawn, and each film stands in the folder under many names. Memory is
proportional set size (PSS), so that what processes share counts once, looked at ten times a second; and of it, apart,
what belongs to no file (anonymous): the system cannot take it back when somebody else needs memory. CHECKOUT is another
working tree of this repository, run with this one's packages.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "from cxredge.cli.start import main; main()"
DRAWN = 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--films", type=int, nargs=2, default=(200, 2000))
    arguments = parser.parse_args()
    trees = ({} if arguments.before is None else {"before": arguments.before.resolve()}) | {"now": ROOT}
    with tempfile.TemporaryDirectory(prefix="cxredge-memory-") as folder:
        work = Path(folder)
        subprocess.run(command("phantom", work / "drawn", "--patients", DRAWN), env=environment(ROOT, work), check=True)
        sets = {count: films(work, count) for count in arguments.films}
        few, many = arguments.films
        for name, tree in trees.items():
            peaks = {}
            for count, place in sets.items():
                began = time.perf_counter()
                peaks[count] = whole, anonymous = peak(arguments.bundle.resolve(), place, tree, work)
                seconds = time.perf_counter() - began
                print(
                    f"{name}: {count:,} films: {whole:.0f} MB, anonymous {anonymous:.0f} MB; {seconds:.0f} s",
                    flush=True,
                )
            ratios = [peaks[many][i] / peaks[few][i] for i in range(2)]
            grown = [1000 * (peaks[many][i] - peaks[few][i]) / (many - few) for i in range(2)]
            print(
                f"{name}: ratio {ratios[0]:.2f}, anonymous {ratios[1]:.2f}; "
                f"{grown[0]:.1f} kB a film, anonymous {grown[1]:.1f} kB",
                flush=True,
            )


def command(*words: object) -> list[str]:
    return [sys.executable, "-P", "-c", PROGRAM, *map(str, words)]


def environment(tree: Path, work: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree / "toolchain"), "CXR_CACHE": str(work / "cache"), "TMPDIR": str(work)}


def films(work: Path, count: int) -> Path:
    """A folder of ``count`` films, two a patient, with their table."""
    with (work / "drawn" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    place = work / str(count)
    place.mkdir()
    with (place / "labels.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        for number in range(count):
            row = rows[number % len(rows)]
            file = f"{number}{Path(row['file']).suffix}"
            os.link(work / "drawn" / row["file"], place / file)
            table.writerow({**row, "file": file, "group": f"patient {number // 2}"})
    return place


def peak(bundle: Path, films: Path, tree: Path, work: Path) -> tuple[float, float]:
    """Most memory of all processes of one verification in MB, whole and anonymous."""
    line = command("verify", bundle, "--data", films, "--json")
    running = subprocess.Popen(line, cwd=work, env=environment(tree, work), stdout=subprocess.DEVNULL)
    whole = anonymous = 0
    while running.poll() is None:
        found = [memory(pid) for pid in family(running.pid)]
        whole = max(whole, sum(one[0] for one in found))
        anonymous = max(anonymous, sum(one[1] for one in found))
        time.sleep(0.1)
    if running.returncode not in (0, 1):
        raise SystemExit(f"verify ended with {running.returncode}")
    return whole / 1000, anonymous / 1000


def family(root: int) -> list[int]:
    """A process and all that stem from it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def memory(pid: int) -> tuple[int, int]:
    """PSS of a process in kB, whole and anonymous; nothing where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0, 0
    found = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
    return found.get("Pss", 0), found.get("Pss_Anon", 0) + found.get("Pss_Shmem", 0)


if __name__ == "__main__":
    main()
