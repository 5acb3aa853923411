from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.targets import get_target
from cxredge.targets.lowering_error import lowering_error, shown
from support.lowering import lower


@pytest.mark.parametrize("name", ["executorch", "tflite"])
def test_the_culprit_is_named(name: str, recipe: Recipe, tmp_path: Path) -> None:
    from support.tiny_student import make_student

    with pytest.raises(InputError) as caught:
        list(lower(get_target(name), make_student(spectrum=True), ["fp32"], recipe, None, tmp_path))
    assert caught.value.code == "TARGET-LOWERING"
    source = (Path(__file__).parents[1] / "support" / "tiny_student.py").read_text().splitlines()
    line = next(i for i, text in enumerate(source, 1) if "fft2" in text)
    for part in (name, "fft_fft2", "backbone.spectrum", "Spectrum", f"tiny_student.py:{line}"):
        assert part in caught.value.cause
    assert not list(tmp_path.iterdir())


def test_nothing_is_guessed_when_the_error_names_nothing(recipe: Recipe) -> None:
    from support.tiny_student import make_student

    error = lowering_error("tflite/fp32", make_student(), recipe.input, RuntimeError("no reason given"))
    assert "names no operator" in error.cause
    assert "no reason given" in error.cause


def test_sources_are_shown_without_this_machines_folders() -> None:
    import torch

    assert shown(torch.__file__) == "torch/__init__.py"
    assert not Path(shown(__file__)).is_absolute()
    assert shown("/nowhere/at/all/model.py") == "model.py"
