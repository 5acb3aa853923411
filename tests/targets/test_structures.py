"""The structures that published students have, on every target: the table in ``docs/targets.md`` says which work.

``pytest tests/targets/test_structures.py -m slow --update-goldens`` writes the table anew. Several structures stand
beside each other in one student, whose classes see one of them each, so that one lowering tells of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels, OperatingPoint
from cxredge.targets import get_target
from cxredge.targets.lowering import Lowering
from cxredge.vocabulary import SchemeName
from support.lowering import PERCENTILE, answered_by, slow_but

PAGE = Path(__file__).parents[2] / "docs" / "targets.md"
MARKS = "<!-- structures -->\n", "<!-- end of structures -->\n"
SQNR_DB = {"fp32": 80.0, "fp16": 45.0, "w8a8": 15.0}
"""Of each class's cam. All structures of a student share a concatenation, and in INT8 its one scale."""
TOGETHER = 13
"""Structures in one student."""
CROSS_SECTION = (
    "squeeze-excite, adaptive pooling and linear layers",
    "channel shuffle",
    "split, narrow, slices",
    "adaptive max pooling to 6 of 12",
    "coordinates",
    "in-place operators",
    "a slice written into",
    "a clamp behind pooling",
)
SPELLED = ("executorch", "tflite")
"""Targets whose graphs are spelled out here, and that break first; the others' turn is in the slow suite."""
Found = dict[str, str]
"""What a structure's cell says, by the structure's name."""


def lowered(target: str, scheme: SchemeName, kinds: Sequence[str], recipe: Recipe, folder: Path) -> Found:
    """One artifact of a student with all of ``kinds``. Raises InputError TARGET-LOWERING of one of them."""
    import torch

    from support.structures import structures_student
    from support.tiny_student import films

    labels = tuple(f"class_{i}" for i in range(len(kinds)))
    points = {label: OperatingPoint(logit=0.0, rule="test") for label in labels}
    own = recipe.model_copy(update={"labels": Labels(names=labels), "operating_points": points})
    student = structures_student(kinds)
    images = films(3, 3).astype(np.float32)
    with torch.no_grad():
        wanted = student(torch.from_numpy(images))["cam"].double().numpy()
    work, out = folder / "work", folder / "out"
    work.mkdir(parents=True)
    out.mkdir()
    lowering = Lowering(student, answered_by(student, own), CalibrationFilms(films(16, 2), PERCENTILE), work)
    artifact = get_target(target).lower(lowering, scheme, out)
    with get_target(target).open(out / artifact.file) as runner:
        error = wanted - np.concatenate([runner.run(image[None])["cam"] for image in images])
    signal, noise = np.square(wanted).sum((0, 2, 3)), np.square(error).sum((0, 2, 3))
    sqnr = 10 * np.log10(signal / np.maximum(noise, 1e-30))
    return {
        kind: "yes" if db > SQNR_DB[scheme] else f"wrong: {db:.0f} dB" for kind, db in zip(kinds, sqnr, strict=True)
    }


def tried(target: str, scheme: SchemeName, kinds: Sequence[str], recipe: Recipe, folder: Path) -> Found:
    """``lowered``, and alone what is poor in company; by halves where it is refused, until each refusal is of one."""
    try:
        found = lowered(target, scheme, kinds, recipe, folder / "all")
        # side by side all share the scale of a concatenation, which may be coarse for one of them
        poor = [kind for kind, cell in found.items() if cell != "yes" and len(kinds) > 1]
        for number, kind in enumerate(poor):
            found |= lowered(target, scheme, [kind], recipe, folder / f"alone{number}")
        return found
    except InputError as error:
        if len(kinds) > 1:
            half = len(kinds) // 2
            parts = tried(target, scheme, kinds[:half], recipe, folder / "a")
            return parts | tried(target, scheme, kinds[half:], recipe, folder / "b")
        assert error.code == "TARGET-LOWERING", error
        named = re.search(r"operator (\S+) in module (backbone[\w.]*)\b.* at \S+\.py:\d+", error.cause)
        assert named is not None, error.cause
        return {kinds[0]: f"refused: `{named[1]}`"}


def schemes_of(target: str) -> tuple[SchemeName, SchemeName]:
    """Core ML's float scheme is float16."""
    return ("fp16" if target == "coreml" else "fp32"), "w8a8"


def columns() -> Iterator[tuple[str, SchemeName]]:
    for target in ("executorch", "tflite", "coreml", "onnx"):
        yield from ((target, scheme) for scheme in schemes_of(target))


def table(text: str) -> dict[tuple[str, str], Found]:
    """The page's table by target and scheme."""
    head, _, *rows = text.split(MARKS[0])[1].split(MARKS[1])[0].strip().splitlines()
    names = [cell.strip() for cell in head.strip("|").split("|")][1:]
    found: dict[tuple[str, str], Found] = {}
    for row in rows:
        kind, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        for name, cell in zip(names, cells, strict=True):
            target, _, scheme = name.partition(" ")
            found.setdefault((target, scheme), {})[kind] = cell
    return found


def page(found: dict[tuple[str, str], Found], kinds: Sequence[str]) -> str:
    """The page with the cells ``found``; a cell of which nothing is known has a question mark."""
    heads = [f"{target} {scheme}" for target, scheme in columns()]
    lines = ["| structure | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for kind in kinds:
        cells = [found.get(column, {}).get(kind, "?") for column in columns()]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    before, rest = PAGE.read_text().split(MARKS[0])
    return before + MARKS[0] + "\n".join(lines) + "\n" + MARKS[1] + rest.split(MARKS[1])[1]


def test_the_table_has_every_structure_and_no_wrong_number() -> None:
    from support.structures import KINDS

    found = table(PAGE.read_text())
    assert list(found) == list(columns())
    for column, cells in found.items():
        assert list(cells) == list(KINDS), column
        # a question mark stands where the slow test has not been run since the structure came
        assert {c for c in cells.values() if c != "yes" and not c.startswith("refused: `")} == set(), column


@pytest.mark.slow
@pytest.mark.parametrize(("target", "scheme"), list(columns()))
def test_every_structure(
    target: str, scheme: SchemeName, recipe: Recipe, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from support.structures import KINDS

    kinds, found = list(KINDS), Found()
    for start in range(0, len(kinds), TOGETHER):
        found |= tried(target, scheme, kinds[start : start + TOGETHER], recipe, tmp_path / str(start))
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(page(table(PAGE.read_text()) | {(target, scheme): found}, kinds))
    assert table(PAGE.read_text())[target, scheme] == found


@pytest.mark.parametrize("target", slow_but(*SPELLED))
def test_a_cross_section(target: str, recipe: Recipe, tmp_path: Path) -> None:
    found = lowered(target, "w8a8", CROSS_SECTION, recipe, tmp_path)
    assert found == dict.fromkeys(CROSS_SECTION, "yes")


@pytest.mark.parametrize(
    ("part", "operator"),
    [
        ("functional.dropout(x, 0.1)", "dropout"),
        ("functional.dropout2d(x, 0.1)", "dropout2d"),
        ("functional.batch_norm(x, None, None, training=True)", "batch_norm"),
        ("x + torch.rand_like(x)", "rand_like"),
    ],
)
def test_an_operator_that_works_as_in_training_is_refused(
    part: str, operator: str, recipe: Recipe, tmp_path: Path
) -> None:
    import torch
    from torch.nn import functional

    from cxredge.students.backbone_student import BackboneStudent
    from support.structures import EACH, Beside, Written
    from support.tiny_student import LABELS

    forward = eval(f"lambda self, x: {part}", {"functional": functional, "torch": torch})
    student = BackboneStudent(Beside({"left": Written(forward)}), EACH, len(LABELS), 2).eval()
    with pytest.raises(InputError) as caught:
        get_target("onnx").lower(Lowering(student, answered_by(student, recipe), None, tmp_path), "fp32", tmp_path)
    assert caught.value.code == "STUDENT-TRAINING"
    assert f"operator {operator} in module backbone.parts.left (Written) at " in caught.value.cause


def test_a_module_left_in_training_mode_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    from support.tiny_student import make_student

    student = make_student()
    student.get_submodule("backbone.block.expand.1").train()
    with pytest.raises(InputError) as caught:
        get_target("onnx").lower(Lowering(student, answered_by(student, recipe), None, tmp_path), "fp32", tmp_path)
    assert caught.value.code == "STUDENT-TRAINING"
    assert "backbone.block.expand.1" in caught.value.cause


def test_norms_and_dropout_that_evaluate_are_taken(recipe: Recipe) -> None:
    import torch
    from torch import nn

    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.targets.training_mode import check_modes, evaluated
    from support.structures import EACH, WIDTH, Beside

    parts = nn.Sequential(nn.InstanceNorm2d(WIDTH), nn.Dropout(0.5), nn.BatchNorm2d(WIDTH))
    student = BackboneStudent(Beside({"part": parts}), EACH, 3, 2).eval()
    check_modes(student)
    images = torch.zeros(1, 1, 48, 48)
    with torch.no_grad():
        assert torch.equal(evaluated(student, images)["cam"], student(images)["cam"])
