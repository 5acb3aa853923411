"""Attempts and seconds of the precision search on a student that plain INT8 breaks.

    python benchmarks/precision_search.py [targets]

The student is the phantom one with one channel made a thousand times as large, and taken back by its readers: the same
function in float. Phantom films. Compared with trying every set of modules (2^n sets) and with adding one module after
the other (n sets), both at the mean time of the attempts that were made: these two are computed, not run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

CONV, NORM, READER = "backbone.net.blocks.0.0.conv_pw", "backbone.net.blocks.0.0.bn2", "backbone.net.blocks.1.0.conv_pw"
FACTOR = 1000.0


def spoil(folder: Path) -> int:
    """Write the spoilt weights into the copied recipe; the number of units that could stay in float."""
    from safetensors.torch import load_file, save_file

    from cxredge.files import sha256_file
    from cxredge.quantize.units import inside, units
    from cxredge.recipe_file import load_recipe
    from cxredge.students import build_student

    recipe = load_recipe(folder)
    weights = folder / recipe.weights.file
    student = build_student(recipe, weights)
    tensors = load_file(weights)
    for name in ("weight", "bias"):
        tensors[f"{NORM}.{name}"][0] *= FACTOR
    tensors[f"{READER}.weight"][:, 0] /= FACTOR
    save_file(tensors, weights)
    text = (folder / "model.yaml").read_text()
    (folder / "model.yaml").write_text(text.replace(recipe.weights.sha256, sha256_file(weights)))
    return sum(inside(unit.name) for unit in units(student, recipe.input))


def main() -> None:
    import shutil

    from cxredge.report import attempts
    from cxredge.workflows.precision import search

    targets = tuple(sys.argv[1].split(",")) if len(sys.argv) > 1 else ()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "phantom"
        shutil.copytree(Path(__file__).parent.parent / "model_zoo" / "phantom", folder)
        os.environ["CXR_CACHE"] = str(Path(scratch) / "cache")
        count = spoil(folder)
        print(attempts.line(attempts.HEADER))
        began = time.perf_counter()
        found = search(
            folder, targets, folder, lambda attempt: print(attempts.line(attempts.cells(attempt)), flush=True)
        )
        took = time.perf_counter() - began
    made = len(found.attempts)
    each = took / made
    print(f"\n{made} attempts in {took:.0f} s, {each:.1f} s each, films and order included")
    for target, name in found.chosen.items():
        tried = sum(a.artifact.target == target for a in found.attempts)
        print(f"{name}: {len(found.keep_float.get(name, ()))} of {count} units in float, {tried} attempts")
    print(f"one module after the other, computed: {count * len(found.chosen) * each / took:.1f} times as long")
    print(f"every combination, computed: 2^{count} attempts a target, {2.0**count * each / 3.15e7:.1e} years")


if __name__ == "__main__":
    main()
