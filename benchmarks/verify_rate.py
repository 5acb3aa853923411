"""How much of a runtime's own speed verification keeps, and whether memory stays flat over 2,000 films.

For each artifact of a host bundle: films a second through the verification path (stack on disk, checks, outputs kept)
against the runner called in a bare loop on one prepared image, in alternating blocks; then resident memory after 200
and after 2,000 films.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    from cxredge.bundle.bundle import read_manifest
    from cxredge.images.pixel_file import PixelFile
    from cxredge.images.preprocess import to_student
    from cxredge.outputs_layout import record_of
    from cxredge.targets import get_target
    from cxredge.workers.jobs.run import Images, run_all

    bundle = Path(sys.argv[1])
    manifest = read_manifest(bundle)
    spec = manifest.model.input
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "images.npy"
        films = rng.integers(0, 256, (2000, spec.channels, spec.height, spec.width), np.uint8)
        np.save(path, films)
        del films
        images = np.load(path, mmap_mode="r")
        goal = Path(scratch) / "outputs.safetensors"
        record = record_of(goal, "reference", "0" * 64, "0" * 64, "any")

        def run(some: Images) -> None:
            run_all(runner, some, goal, record)
            goal.unlink()

        for entry in manifest.artifacts:
            with get_target(entry.target).open(bundle / entry.path) as runner:
                one = to_student(np.asarray(images[0]))
                run(images[:100])
                bare, ours = [], []
                for i in range(10):
                    block = images[i * 100 : (i + 1) * 100]
                    began = time.perf_counter()
                    for _ in range(100):
                        runner._run_impl(one)
                    bare.append(100 / (time.perf_counter() - began))
                    began = time.perf_counter()
                    run(block)
                    ours.append(100 / (time.perf_counter() - began))
                run(images[:200])
                before = resident_mb()
                run(PixelFile.open(path))
                after = resident_mb()
            ratio = float(np.median(np.array(ours) / np.array(bare)))
            print(
                f"{entry.name}: keeps {ratio:.2f} of the runtime's own rate "
                f"({np.median(ours):.0f} of {np.median(bare):.0f} films/s); memory {before:.0f} MB after 200 films, "
                f"{after:.0f} MB after 2,000 more",
                flush=True,
            )


if __name__ == "__main__":
    main()
