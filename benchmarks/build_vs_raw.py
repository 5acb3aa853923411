"""Whole build (all targets and schemes, parity films, bundles) against the raw exporter calls in sequence.

Both start from nothing but the environment, the recipe and the films (phantoms are drawn before), in alternating
order; each is a fresh process. Prints seconds of every round and the median of the rounds' ratios. Core ML is left out
on both sides: without a Mac the raw calls can neither calibrate nor run it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ONLY = ("--targets", "executorch,tflite,onnx")


def timed(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - began


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "model_zoo/phantom"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    python = Path(sys.executable)
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        base = {**os.environ, "CXR_CACHE": str(Path(scratch) / "warm")}
        # films first: drawing phantoms is neither side's work
        subprocess.run([python.with_name("cxredge"), "plan", model], env=base, check=True, capture_output=True)
        for i in range(rounds):
            cache = Path(scratch) / f"cache-{i}"
            cache.mkdir()
            phantoms = Path(scratch) / "warm" / "stages" / "phantoms"
            if phantoms.exists():
                (cache / "stages").mkdir()
                (cache / "stages" / "phantoms").symlink_to(phantoms)
            sides = {
                "build": [str(python.with_name("cxredge")), "build", model, *ONLY, "--out", str(cache / "dist")],
                "raw": [str(python), "benchmarks/raw_exporters.py", model, str(cache / "raw")],
            }
            order = list(sides) if i % 2 == 0 else list(sides)[::-1]
            took = {side: timed(sides[side], {**base, "CXR_CACHE": str(cache)}) for side in order}
            ratios.append(took["build"] / took["raw"])
            print(
                f"round {i + 1}: build {took['build']:.1f} s, raw {took['raw']:.1f} s, ratio {ratios[-1]:.2f}",
                flush=True,
            )
    print(f"build / raw exporters, median of {rounds}: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
