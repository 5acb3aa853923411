"""What a recipe's losses cannot compare is refused before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cxredge.distill.rehearsal import rehearse
from cxredge.distill.roles import with_features
from cxredge.distill.run import distill
from cxredge.errors import InputError
from cxredge.recipe_file import load_recipe
from cxredge.students import new_student

Write = Callable[[Path], Path]


def test_maps_of_one_cell_are_refused_before_the_teacher_is_trained(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path
) -> None:
    values["distill"]["losses"] = [{"loss": "hard"}, {"loss": "cam"}]
    with pytest.raises(InputError) as caught:
        distill(write_recipe(tmp_path / "tiny"), tmp_path / "work")
    assert caught.value.code == "LOSS-MAPS"
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("loss", "code"),
    [
        ({"loss": "cam"}, "LOSS-OUTPUT"),
        ({"loss": "attention", "parameters": {"of": "cam"}}, "LOSS-OUTPUT"),
        ({"loss": "attention"}, "LOSS-MAPS"),
        ({"loss": "soft"}, None),
    ],
)
def test_a_student_without_maps_is_taught_none(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path, loss: dict[str, Any], code: str | None
) -> None:
    values["input"].update(height=32, width=32)
    values["student"]["backbone"] = "cxredge/ct_cnn"
    values["distill"]["losses"] = [{"loss": "hard"}, loss]
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    assert recipe.distill is not None
    student, teacher = (new_student(recipe, name) for name in ("cxredge/ct_cnn", "timm/mobilenetv2_035"))
    try:
        rehearse(recipe.distill, recipe, with_features, student, teacher)
        found = None
    except InputError as error:
        found = error.code
    assert found == code


def test_exclusive_classes_have_no_faithful_loss(
    class_recipe: Callable[[], Path], values: dict[str, Any], tmp_path: Path
) -> None:
    values["distill"]["losses"] = [{"loss": "faithful"}]
    with pytest.raises(InputError) as caught:
        distill(class_recipe(), tmp_path / "work")
    assert caught.value.code == "LOSS-KIND"
    assert not (tmp_path / "work").exists()


def test_nothing_is_changed_and_nothing_drawn(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["input"].update(height=96, width=96)
    values["distill"]["losses"] = [{"loss": name} for name in ("hard", "soft", "cam", "dist", "faithful")]
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    assert recipe.distill is not None
    student, teacher = (new_student(recipe, "timm/mobilenetv2_035") for _ in range(2))
    teacher.eval()
    before = [{name: x.clone() for name, x in model.state_dict().items()} for model in (student, teacher)]
    state, sizes = torch.get_rng_state(), []

    def answer(model: nn.Module, films: Tensor) -> Mapping[str, Tensor]:
        sizes.append(tuple(films.shape))
        found: Mapping[str, Tensor] = model(films)
        return found

    read = rehearse(recipe.distill, recipe, answer, student, teacher)
    assert read == ("cam", "logits")
    assert sizes == [(2, 1, 64, 64)] * 2  # as the first epochs have them
    assert (student.training, teacher.training) == (True, False)
    assert torch.equal(torch.get_rng_state(), state)
    for model, tensors in zip((student, teacher), before, strict=True):
        assert all(torch.equal(x, tensors[name]) for name, x in model.state_dict().items())


def test_a_part_that_no_loss_reaches_is_refused(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["input"].update(height=96, width=96)  # attention takes no maps of one cell
    values["distill"]["losses"] = [{"loss": "attention"}]
    with pytest.raises(InputError) as caught:
        distill(write_recipe(tmp_path / "tiny"), tmp_path / "work")
    assert caught.value.code == "LOSS-REACH"
    assert "student's head" in caught.value.cause
    assert not (tmp_path / "work").exists()


def test_a_loss_of_masks_needs_films_with_masks(
    class_recipe: Callable[[], Path], values: dict[str, Any], tmp_path: Path
) -> None:
    values["distill"]["losses"] = [{"loss": "hard"}, {"loss": "masks"}]
    values["student"]["map_upscale"] = 2  # of one cell they would be refused as maps
    with pytest.raises(InputError) as caught:
        distill(class_recipe(), tmp_path / "work")
    assert caught.value.code == "LOSS-MASKS"
    assert not (tmp_path / "work").exists()
