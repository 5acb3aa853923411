"""``python -m mlprogram.fuzz PACKAGES OUT SEED COUNT``: damaged packages are refused by code, or run.

PACKAGES is a folder of packages. Each case loads a damaged copy of one and, where that succeeds, runs it once, all in
this process, in bounded memory and time. Prints how often each outcome came as JSON. At the first case with another
outcome its package is left in OUT, and the process ends with its traceback.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import shutil
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from cxredge.errors import InputError
from mlprogram.mutations import damaged, read

MORE_MEMORY = 4 << 30
SECONDS = 120
"""What one case may take; a hundredth is usual."""


def outcome(path: Path, rng: np.random.Generator) -> str:
    from cxredge.mlprogram import load

    try:
        program = load(path)
    except InputError as error:
        assert error.code.startswith("MLPROGRAM-"), error.code
        return error.code
    inputs = {
        name: rng.integers(0, 2, kind.shape).astype(kind.dtype)
        if kind.dtype.startswith(("bool", "int", "uint"))
        else rng.standard_normal(kind.shape).astype(kind.dtype)
        for name, kind in program.inputs.items()
    }
    try:
        outputs = program(inputs)
    except InputError as error:
        assert error.code in ("MLPROGRAM-RUN", "MLPROGRAM-INDEX"), error.code
        return error.code
    for name, kind in program.outputs.items():
        assert outputs[name].shape == kind.shape
    return "ran"


def main() -> None:
    packages, out, seed, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    sources = {p.name: read(p) for p in sorted(packages.iterdir())}
    for path in packages.iterdir():
        assert outcome(path, np.random.default_rng(0)) == "ran", path
    warnings.simplefilter("ignore")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    outcomes: Counter[str] = Counter()
    for case in range(count):
        rng = np.random.default_rng([seed, case])
        place = out / f"case-{seed}-{case}"
        place.mkdir(parents=True)
        # a crash or a hang leaves the case behind, too
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        source = str(rng.choice(sorted(sources)))
        outcomes[outcome(damaged(sources[source], place, rng), rng)] += 1
        faulthandler.cancel_dump_traceback_later()
        shutil.rmtree(place)
    print(json.dumps(dict(outcomes.most_common())))


if __name__ == "__main__":
    faulthandler.enable()
    main()
