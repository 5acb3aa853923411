from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.recipe import Recipe
from cxredge.students import build_student, load_teacher, new_student, trainable


def weights_of(recipe: Recipe) -> dict[str, Tensor]:
    torch.manual_seed(3)
    student = new_student(recipe, trainable(recipe).backbone)
    student.fit_novelty(torch.rand(20, student.head.in_channels))
    return dict(sorted(student.state_dict().items()))


def with_file(recipe: Recipe, folder: Path, data: bytes) -> tuple[Recipe, Path]:
    path = folder / "weights.safetensors"
    path.write_bytes(data)
    weights = recipe.weights.model_copy(update={"sha256": sha256_bytes(data)})
    return recipe.model_copy(update={"weights": weights}), path


def code_of(recipe: Recipe, path: Path) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        build_student(recipe, path)
    return caught.value.code, caught.value.cause


def test_student_keeps_its_contract(tiny: Recipe, tmp_path: Path) -> None:
    recipe, path = with_file(tiny, tmp_path, save(weights_of(tiny)))
    student = build_student(recipe, path)
    assert not student.training
    out = student(torch.rand(3, 1, 32, 32) * 255)
    assert [tuple(out[k].shape) for k in ("logits", "cam", "novelty")] == [(3, 5), (3, 5, 1, 1), (3,)]
    assert {v.dtype for v in out.values()} == {torch.float32}


def test_same_weights_same_answers(tiny: Recipe, tmp_path: Path) -> None:
    recipe, path = with_file(tiny, tmp_path, save(weights_of(tiny)))
    torch.manual_seed(99)  # what the network was before loading must not matter
    first, second = build_student(recipe, path), build_student(recipe, path)
    film = torch.rand(1, 1, 32, 32) * 255
    assert torch.equal(first(film)["logits"], second(film)["logits"])


def test_missing_weights(tiny: Recipe, tmp_path: Path) -> None:
    assert code_of(tiny, tmp_path / "none.safetensors")[0] == "WEIGHTS-MISSING"


def test_hash_is_checked_before_parsing(tiny: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not safetensors at all")
    code, cause = code_of(tiny, path)
    assert code == "WEIGHTS-HASH"
    assert sha256_bytes(b"not safetensors at all") in cause


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_corrupt_weights(tiny: Recipe, tmp_path: Path, cut: int) -> None:
    recipe, path = with_file(tiny, tmp_path, save(weights_of(tiny))[:cut])
    assert code_of(recipe, path)[0] == "WEIGHTS-CORRUPT"


def test_pickled_weights_are_not_unpickled(tiny: Recipe, tmp_path: Path) -> None:
    torch.save({"head.bias": torch.zeros(2)}, tmp_path / "w.pt")
    recipe, path = with_file(tiny, tmp_path, (tmp_path / "w.pt").read_bytes())
    assert code_of(recipe, path)[0] == "WEIGHTS-CORRUPT"


def test_misfit_names_the_first_tensors(tiny: Recipe, tmp_path: Path) -> None:
    tensors = weights_of(tiny)
    tensors["head.bias"] = torch.zeros(3)
    tensors["head.extra"] = torch.zeros(1)
    del tensors["head.weight"]
    recipe, path = with_file(tiny, tmp_path, save(tensors))
    code, cause = code_of(recipe, path)
    assert code == "WEIGHTS-FIT"
    assert "head.weight is missing" in cause
    assert "head.extra is unknown" in cause
    assert "head.bias is float32[3] and not float32[5]" in cause


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.int8])
def test_weights_are_float32_or_float16(tiny: Recipe, tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = weights_of(tiny)
    tensors["head.bias"] = tensors["head.bias"].to(dtype)
    recipe, path = with_file(tiny, tmp_path, save(tensors))
    code, cause = code_of(recipe, path)
    assert code == "WEIGHTS-FIT"
    assert f"head.bias is {str(dtype).removeprefix('torch.')}[5] and not float32[5]" in cause
    tensors = weights_of(tiny)
    tensors["backbone.net.bn1.num_batches_tracked"] = tensors["backbone.net.bn1.num_batches_tracked"].half()
    recipe, path = with_file(tiny, tmp_path, save(tensors))
    assert code_of(recipe, path)[0] == "WEIGHTS-FIT"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_weights_name_the_tensor(tiny: Recipe, tmp_path: Path, value: float) -> None:
    tensors = weights_of(tiny)
    tensors["head.bias"] = torch.tensor([0.0, 0.0, 0.0, 0.0, value])
    recipe, path = with_file(tiny, tmp_path, save(tensors))
    code, cause = code_of(recipe, path)
    assert code == "WEIGHTS-NAN"
    assert "head.bias" in cause


def test_errors_about_a_teacher_speak_of_the_teacher(tiny: Recipe, tmp_path: Path) -> None:
    backbone, path = trainable(tiny).backbone, tmp_path / "teacher.safetensors"
    whole = weights_of(tiny)
    few = {key: tensor for key, tensor in whole.items() if key != "head.bias"}
    bad = {**whole, "head.bias": torch.full((5,), float("nan"))}
    for data, code, fix in (
        (None, "WEIGHTS-MISSING", "put the file there, or name another in the weights of this teacher"),
        (b"torn", "WEIGHTS-CORRUPT", "restore the file, or name another in the weights of this teacher"),
        (save(few), "WEIGHTS-FIT", "give this teacher the backbone and labels, "),
        (save(bad), "WEIGHTS-NAN", "name other weights: nothing is learnt from these"),
    ):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            load_teacher(tiny, backbone, 5, path, sha256_bytes(data or b""))
        assert caught.value.code == code
        assert caught.value.fix.startswith(fix)
        assert "student" not in caught.value.cause


def test_without_a_novelty_score_the_student_answers_logits_and_maps(tiny: Recipe, tmp_path: Path) -> None:
    plain = tiny.model_copy(update={"novelty": None})
    recipe, path = with_file(plain, tmp_path, save(weights_of(plain)))
    out = build_student(recipe, path)(torch.rand(2, 1, 32, 32) * 255)
    assert tuple(out) == plain.outputs == ("logits", "cam")
    code, cause = code_of(recipe.model_copy(update={"novelty": tiny.novelty}), path)
    assert (code, "novelty.axes is missing" in cause) == ("WEIGHTS-FIT", True)
    recipe, path = with_file(plain, tmp_path, save(weights_of(tiny)))
    code, cause = code_of(recipe, path)
    assert (code, "novelty.axes is unknown" in cause) == ("WEIGHTS-FIT", True)


def test_a_novelty_score_that_was_never_fitted_is_refused(tiny: Recipe, tmp_path: Path) -> None:
    student = new_student(tiny, trainable(tiny).backbone)
    recipe, path = with_file(tiny, tmp_path, save(dict(sorted(student.state_dict().items()))))
    assert code_of(recipe, path)[0] == "NOVELTY-UNFITTED"


def test_the_logit_is_the_mean_of_a_finer_map(tiny: Recipe, tmp_path: Path) -> None:
    spec = trainable(tiny).model_copy(update={"map_upscale": 2})
    recipe = tiny.model_copy(update={"student": spec, "novelty": None})
    student = new_student(recipe, spec.backbone, upscale=2).eval()
    assert student.state_dict()["head.weight"].shape[0] == 4 * len(recipe.labels.names)
    answers = student(torch.rand(2, 1, 64, 64) * 255)
    assert answers["cam"].shape == (2, len(recipe.labels.names), 4, 4)
    torch.testing.assert_close(answers["cam"].mean((2, 3)), answers["logits"])

    fine, path = with_file(recipe, tmp_path, save(student.state_dict()))
    assert build_student(fine, path)(torch.zeros(1, 1, 64, 64))["cam"].shape[2:] == (4, 4)
    with pytest.raises(InputError, match=r"head\.weight") as caught:
        build_student(fine.model_copy(update={"student": trainable(tiny)}), path)
    assert caught.value.code == "WEIGHTS-FIT"
