"""Every target lowers a student that answers logits alone, and its file says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.targets import TARGETS, get_target
from cxredge.targets.output_words import output_words
from cxredge.vocabulary import SchemeName
from support.imported import imported
from support.lowering import PERCENTILE, lower

SQNR_DB = {"fp32": 80.0, "fp16": 30.0, "w8a8": 15.0}


@pytest.fixture
def plain(recipe: Recipe) -> Recipe:
    """The recipe of a student without maps, novelty score and quality output."""
    return without(recipe)


def without(recipe: Recipe) -> Recipe:
    return imported(recipe, "none", novelty=None, quality=None)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_logits_alone(name: str, plain: Recipe, tmp_path: Path) -> None:
    import torch

    from support.tiny_student import films, make_logits_student

    target, student = get_target(name), make_logits_student()
    schemes: tuple[SchemeName, ...] = ("fp16", "w8a8") if name == "coreml" else ("fp32", "w8a8")
    images = films(8, 3).astype(np.float32)
    with torch.no_grad():
        expected = student(torch.from_numpy(images))["logits"].numpy().astype(np.float64)
    for artifact in lower(target, student, schemes, plain, CalibrationFilms(films(24, 2), PERCENTILE), tmp_path):
        file = tmp_path / artifact.file
        assert artifact.census.outputs == {"logits": "float32"}
        assert (artifact.cam_step, artifact.logit_step is not None) == (None, artifact.scheme == "w8a8")
        assert all(words not in file.read_bytes() for words in (b"spatial mean", b"exact CAM", b"distance from"))
        with target.open(file) as runner:
            runs = [runner.run(image[None]) for image in images]
        assert {tuple(run) for run in runs} == {("logits",)}
        noise = np.concatenate([run["logits"] for run in runs]) - expected
        sqnr = 10 * np.log10(np.square(expected).sum() / np.square(noise).sum())
        assert sqnr > SQNR_DB[artifact.scheme], artifact.name


def test_a_student_that_answers_other_outputs_than_its_recipe_says_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    from support.tiny_student import make_logits_student, make_student

    for student, said in ((make_logits_student(), recipe), (make_student(), without(recipe))):
        with pytest.raises(InputError, match="STUDENT-CONTRACT"):
            lower(get_target("onnx"), student, ["fp32"], said, None, tmp_path)
        assert not list(tmp_path.iterdir())


def test_only_an_exact_map_is_said_to_have_the_logit_as_its_mean(recipe: Recipe, plain: Recipe) -> None:
    assert output_words(recipe, "axes")["cam"].endswith("their spatial mean is the logit")
    words = output_words(imported(recipe, "gradient"), "axes")["cam"]
    assert ("gradient" in words, "mean" in words) == (True, False)
    assert list(output_words(plain, "axes")) == ["logits"]
