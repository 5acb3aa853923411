"""Names of networks in a recipe: which there are, and what they say of their maps without PyTorch."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from cxredge.recipe_student import Backbone, BackboneSpec, TeacherBackbone, fixed_size, heatmap_of

STUDENT: TypeAdapter[str] = TypeAdapter(Backbone)
TEACHER: TypeAdapter[str] = TypeAdapter(TeacherBackbone)
PAIR = "timm/resnetv2_50+timm/vgg19"


@pytest.mark.parametrize(
    "name", ["timm/resnet18", "cxredge/eeea_net_c2", "cxredge/eeea_net_c2_exact", "cxredge/ct_cnn"]
)
def test_students_and_teachers_may_be(name: str) -> None:
    assert STUDENT.validate_python(name) == TEACHER.validate_python(name) == name


@pytest.mark.parametrize(
    "name", ["resnet18", "timm/", "cxredge/", "torchvision/resnet18", "timm/a+", "+timm/a", "timm/a+cxredge/ct_cnn",
             "cxredge/ct_cnn+timm/a", "+".join(["timm/a"] * 5), "timm/a\n"]
)  # fmt: skip
def test_neither_may_be(name: str) -> None:
    for kind in (STUDENT, TEACHER):
        with pytest.raises(ValidationError):
            kind.validate_python(name)


def test_several_side_by_side_only_teach() -> None:
    assert TEACHER.validate_python(PAIR) == PAIR
    with pytest.raises(ValidationError):
        STUDENT.validate_python(PAIR)


def test_an_architecture_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(ValidationError, match="there are cxredge/ct_cnn, cxredge/eeea_net_c2, cxredge/eeea_net_c2_ex"):
        BackboneSpec(backbone="cxredge/eeea")


def test_a_name_says_what_the_maps_are_without_pytorch() -> None:
    kinds = {"timm/resnet18": "exact", PAIR: "exact", "cxredge/eeea_net_c2_exact": "exact",
             "cxredge/eeea_net_c2": "gradient", "cxredge/ct_cnn": "none"}  # fmt: skip
    assert {name: heatmap_of(name) for name in kinds} == kinds
    assert [name for name in kinds if fixed_size(name)] == ["cxredge/ct_cnn"]
    script = (
        "import sys; from cxredge.recipe_student import BackboneSpec as B; "
        "print([B(backbone='cxredge/' + n).heatmap for n in ('ct_cnn', 'eeea_net_c2')], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['none', 'gradient'] False"


def test_only_exact_maps_can_be_finer_than_the_features() -> None:
    assert "map_upscale" not in BackboneSpec(backbone="timm/resnet18").model_dump()
    assert BackboneSpec(backbone="timm/resnet18", map_upscale=4).model_dump()["map_upscale"] == 4
    assert BackboneSpec(backbone="cxredge/eeea_net_c2_exact", map_upscale=2).map_upscale == 2
    for name in ("cxredge/eeea_net_c2", "cxredge/ct_cnn"):
        with pytest.raises(ValidationError, match="whose mean is the logit"):
            BackboneSpec(backbone=name, map_upscale=2)
