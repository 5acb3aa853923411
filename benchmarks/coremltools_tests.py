"""coremltools' own tests of MIL operators, with the evaluator in Core ML's place.

    python benchmarks/coremltools_tests.py [test_pool.py test_linear.py ...]

On a Mac these tests run small ML Programs by Core ML and hold them against values that their authors wrote down. Here
every program is saved and evaluated instead: as many as were right, each that was not, and what was refused, by code.
Without names, all files that need neither state nor control flow: some hours.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.mlprogram import load

LEFT_OUT = ("control_flow", "random", "recurrent", "states")
BOUNDS = {"fp32": (1e-4, 1e-4), "fp16": (2e-2, 1e-2)}
"""(absolute, relative): float16 rounds the inputs, too, and coremltools' own bounds for it would hide anything."""


class InPlaceOfCoreML:
    """A pytest plugin."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def pytest_configure(self) -> None:
        """Put ``compare`` where coremltools' helpers call Core ML; they have been imported nowhere before."""
        from coremltools.converters.mil import testing_utils

        testing_utils.compare_backend = self.compare

    def compare(
        self, mlmodel: Any, input_key_values: Any, expected_outputs: Any, dtype: str = "fp32", **_: Any
    ) -> None:
        """As ``compare_backend``: evaluate, and count."""
        if expected_outputs is None or not mlmodel.is_package:
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "one.mlpackage"
            mlmodel.save(str(path))
            try:
                program = load(path)
                made = program(
                    {k: np.atleast_1d(input_key_values[k]).astype(kind.dtype) for k, kind in program.inputs.items()}
                )
            except InputError as error:
                self.counts[f"refused, {error.code}"] += 1
                return
        absolute, relative = BOUNDS[dtype]
        for name, expected in expected_outputs.items():
            if not np.allclose(made[name].astype(float), np.asarray(expected).astype(float), relative, absolute):
                self.counts["other values"] += 1
                self.wrong.append(os.environ["PYTEST_CURRENT_TEST"])
                return
        self.counts["the same values"] += 1


def main() -> None:
    os.environ |= {"PYMIL_TEST_TARGETS": "mlprogram", "INCLUDE_MIL_FP32_UNIT_TESTS": "1"}
    package = find_spec("coremltools")
    assert package is not None
    assert package.origin is not None
    files = sorted((Path(package.origin).parent / "converters/mil/mil/ops/tests").glob("iOS*/test_*.py"))
    names = sys.argv[1:] or {f.name for f in files if not any(word in f.name for word in LEFT_OUT)}
    chosen = [str(f) for f in files if f.name in names]
    plugin = InPlaceOfCoreML()
    quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore", "--no-header", "--tb=no", "-c", os.devnull]
    with tempfile.TemporaryDirectory() as root:
        pytest.main([*quiet, f"--rootdir={root}", *chosen], plugins=[plugin])
    for what, count in plugin.counts.most_common():
        print(f"{count:6} {what}")
    for test in plugin.wrong:
        print(f"       {test}")


if __name__ == "__main__":
    main()
