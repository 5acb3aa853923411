"""The page's program, word for word, on a package that is there."""

from __future__ import annotations

import re
from pathlib import Path

from cxredge.mlprogram import check, graph, package, types
from support.pages import blocks, page, run_program

PAGE = page("mlprogram.md")


def test_the_pages_program_runs(packages: Path, tmp_path: Path) -> None:
    (program,) = blocks(PAGE)
    (tmp_path / "model.mlpackage").symlink_to(packages / "fp16.mlpackage")
    done = run_program(program, tmp_path)
    assert done.status == 0, done.err
    assert done.out.startswith("y float32 (1, 5) (")


def test_the_pages_bounds_are_the_sources() -> None:
    words = " ".join(PAGE.split())
    assert f"{package.MAX_MODEL >> 20} MiB for the model" in words
    assert f"{package.MAX_WEIGHTS >> 30} GiB for weights" in words
    assert f"{graph.MAX_OPERATIONS:,} operators, {types.MAX_RANK} axes" in words
    for power, bound in ((26, types.MAX_ELEMENTS), (28, types.MAX_ALIVE), (40, check.MAX_WORK)):
        assert f"2^{power} " in words
        assert bound == 1 << power


def test_every_code_is_on_the_page() -> None:
    source = Path(package.__file__).parent
    raised = {code for path in source.rglob("*.py") for code in re.findall(r'"(MLPROGRAM-[A-Z]+)"', path.read_text())}
    assert raised == set(re.findall(r"^\| `(MLPROGRAM-[A-Z]+)`", PAGE, re.M))
