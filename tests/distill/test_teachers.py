"""Several teachers: which of their labels speak, what each weighs, and what the student hears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save

from cxredge.bundle.bom_card import ancestors
from cxredge.distill.record import DistillResults, FurtherTeacherRecord
from cxredge.distill.run import distill
from cxredge.distill.teacher_labels import places
from cxredge.distill.teachers import Further, load_first, shares, together
from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.recipe_decision import Labels
from cxredge.recipe_distillation import FurtherTeacher, Teacher
from cxredge.recipe_file import load_recipe
from cxredge.students import new_student

Write = Callable[[Path], Path]
OURS = Labels(names=("Cardiomegaly", "Edema", "Effusion"))
BACKBONE = "timm/mobilenetv2_035"


def teacher(labels: tuple[str, ...], **said: Any) -> FurtherTeacher:
    weights = {"file": "b.safetensors", "sha256": "a" * 64}
    return FurtherTeacher.model_validate({"backbone": BACKBONE, "weights": weights, "labels": labels, **said})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (teacher(("Effusion", "Cardiomegaly", "Edema")), (1, 2, 0)),
        (teacher(("Effusion",)), (None, None, 0)),
        (teacher(("Oedema", "Effusion"), map={"Edema": "Oedema"}), (None, 0, 1)),
        (teacher(("Nodule", "Effusion", "Edema"), lacks=("Cardiomegaly",)), (None, 2, 1)),
        (teacher(("Effusion", "Edema"), map={"Effusion": "Edema"}, lacks=("Edema", "Cardiomegaly")), (None, None, 1)),
        (teacher(("Nodule", *OURS.names)), (1, 2, 3)),  # what the recipe does not name is not asked
    ],
)
def test_labels_meet_by_name_or_by_what_is_mapped(given: FurtherTeacher, expected: tuple[int | None, ...]) -> None:
    assert places(OURS, "b", given) == expected


@pytest.mark.parametrize(
    ("given", "words", "choices"),
    [
        (teacher(("Effusion", "Nodule", "Cardiomegali")), "has no Cardiomegaly", ("Cardiomegali", "Nodule")),
        (teacher(("Effusion", "Nodule"), lacks=("Edema",)), "has no Cardiomegaly", ("Nodule",)),
        (teacher(("Effusion",), map={"Oedema": "Effusion"}), "map names Oedema", ("Edema", *OURS.names[::2])),
        (teacher(("Effusion",), map={"Edema": "Efusion"}), "map calls Edema Efusion", ("Effusion",)),
        (teacher(("Effusion",), lacks=("Mass",)), "lacks names Mass", OURS.names),
        (teacher(("Effusion",), map={"Effusion": "Effusion"}, lacks=("Effusion",)), "both name Effusion", ()),
        (teacher(("Effusion",), map={"Edema": "Effusion"}), "its Effusion would speak for Edema and Effusion", ()),
        (teacher(("Mass",), lacks=OURS.names), "speaks for no label", ("Mass",)),
    ],
)
def test_labels_that_do_not_meet_are_refused(given: FurtherTeacher, words: str, choices: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=words) as caught:
        places(OURS, "b", given)
    assert (caught.value.code, caught.value.choices) == ("DISTILL-TEACHER-LABELS", choices)


def test_of_exclusive_classes_a_teacher_has_all() -> None:
    classes = Labels(kind="single-label", names=OURS.names)
    assert places(classes, "b", teacher(OURS.names[::-1])) == (2, 1, 0)
    with pytest.raises(InputError, match="has no Edema"):
        places(classes, "b", teacher(("Cardiomegaly", "Effusion")))


def test_shares_by_hand() -> None:
    found = shares([0.9, 0.6, 0.3], [(0, 1, 2), (None, 0, 1), (1, None, 0)])
    expected = [[0.9 / 1.2, 0.9 / 1.5, 0.5], [0, 0.6 / 1.5, 1 / 3], [0.3 / 1.2, 0, 1 / 6]]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    # a first teacher of AUC 0 that alone has a label is heard
    assert shares([0.0, 0.5], [(0, 1), (0, None)])[0, 1] == 1


def test_the_mean_of_real_teachers(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    torch.manual_seed(3)
    first, second = (new_student(recipe, BACKBONE).eval() for _ in range(2))
    record = FurtherTeacherRecord(backbone=BACKBONE, weights_sha256="a" * 64, labels=("Effusion",), val_auc=0.6)
    films = torch.rand(3, 1, 32, 32) * 255
    with torch.no_grad():
        a, b = first(films), second(films)["logits"].numpy()
        # its first logit speaks for the second label
        found = together(first, 0.9, [Further("b", second, (None, 0), record)])(films)
    expected = a["logits"].numpy().copy()
    expected[:, 1] = (0.9 * expected[:, 1] + 0.6 * b[:, 0]) / 1.5
    np.testing.assert_allclose(found["logits"].numpy(), expected, rtol=1e-5)
    assert torch.equal(found["cam"], a["cam"])  # maps are the first one's


def test_a_loaded_teacher_answers_in_the_recipes_order(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path
) -> None:
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    torch.manual_seed(3)
    told = new_student(recipe, BACKBONE).eval()
    data = save(told.state_dict())
    (tmp_path / "tiny" / "t.safetensors").write_bytes(data)
    weights = {"file": "t.safetensors", "sha256": sha256_bytes(data)}
    films = torch.rand(3, 1, 32, 32) * 255

    def loaded(labels: list[str], **said: Any) -> dict[str, torch.Tensor]:
        values["distill"]["teacher"] = {"backbone": BACKBONE, "weights": weights, "labels": labels, **said}
        recipe = load_recipe(write_recipe(tmp_path / "tiny"))
        assert recipe.distill is not None
        with torch.no_grad():
            return load_first(recipe, recipe.distill, tmp_path / "tiny")(films)

    with torch.no_grad():
        own = told(films)
    same = loaded(["Cardiomegaly", "Effusion"])
    turned = loaded(["Effusion", "Heart"], map={"Cardiomegaly": "Heart"})
    for name in ("logits", "cam"):
        assert torch.equal(same[name], own[name])
        assert torch.equal(turned[name], own[name].flip(1))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"labels": ["A"]}, "of a teacher that is loaded"),
        ({"weights": {"file": "t.safetensors", "sha256": "a" * 64}}, "weights need labels"),
        ({"weights": {"file": "t", "sha256": "a" * 64}, "labels": ["A", "A"]}, "labels names a label twice"),
        ({"weights": {"file": "t", "sha256": "a" * 64}, "labels": ["A"], "epochs": 3}, "epochs is of a teacher that"),
    ],
)
def test_a_teacher_is_loaded_or_trained(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Teacher.model_validate({"backbone": BACKBONE, **said})


def test_a_student_of_two_teachers(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values["distill"]["teacher"]["epochs"] = values["distill"]["epochs"] = 1
    place = write_recipe(tmp_path / "pupil")
    alone = distill(place, tmp_path / "alone")
    (place / "b.safetensors").write_bytes((place / "weights.safetensors").read_bytes())

    def of(**said: Any) -> DistillResults:
        one = {"backbone": BACKBONE, "weights": {"file": "b.safetensors", "sha256": alone.weights_sha256}, **said}
        values["distill"]["further_teachers"] = {"b": one}
        return distill(write_recipe(tmp_path / "pupil"), tmp_path / "work", fresh=True)

    with pytest.raises(InputError) as caught:
        of(labels=["Heart", "Effusion"])
    assert (caught.value.code, caught.value.choices) == ("DISTILL-TEACHER-LABELS", ("Heart",))
    assert not (tmp_path / "work").exists()  # before anything is trained
    found = of(labels=["Heart", "Effusion"], map={"Cardiomegaly": "Heart"})
    (record,) = found.further_teachers.values()
    assert record.labels == ("Cardiomegaly", "Effusion")
    assert record.val_auc == alone.student.val.macro_auc  # asked by its own logits on the same films
    assert found.teacher.val == alone.teacher.val
    assert found.weights_sha256 != alone.weights_sha256
    told = capsys.readouterr().err
    assert f"teacher: val AUC {found.teacher.val.macro_auc:.3f}, its weight" in told
    assert f"teacher b: val AUC {record.val_auc:.3f} of 2 labels" in told
    recipe = load_recipe(tmp_path / "pupil")
    assert ancestors(recipe) == [(BACKBONE, "teacher")] * 2
    assert "further_teachers" not in alone.model_dump()
    assert recipe.distill is not None
    assert type(recipe.distill).model_validate_json(recipe.distill.model_dump_json()) == recipe.distill


def test_a_teacher_that_cannot_be_weighed(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    weights = save(new_student(recipe, BACKBONE).state_dict())  # novelty and all: what teaches nothing is left out
    (tmp_path / "tiny" / "b.safetensors").write_bytes(weights)
    values["distill"]["further_teachers"] = {
        "b": {
            "backbone": BACKBONE,
            "weights": {"file": "b.safetensors", "sha256": sha256_bytes(weights)},
            "labels": ["Cardiomegaly", "Effusion"],
        }
    }
    values["data"]["patients"]["val"] = 2
    values["calibration"] = {"split": "train", "count": 128}
    with pytest.raises(InputError) as caught:
        distill(write_recipe(tmp_path / "tiny"), tmp_path / "other")
    assert caught.value.code == "DISTILL-TEACHER-AUC"
    assert not (tmp_path / "other").exists()
