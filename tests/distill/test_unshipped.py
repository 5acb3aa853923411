"""Weights that may not be passed on are made here, used here, and never lie beside their recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxredge.distill.rechoose import choose_thresholds
from cxredge.distill.run import distill
from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.recipe_file import load_recipe
from cxredge.recipe_shipping import NO_LICENCE
from cxredge.workflows.pipeline import recipe_pipeline


def test_they_are_written_into_the_build_folder_and_found_there(
    write_recipe: Callable[[Path], Path], values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    values |= {"licence": NO_LICENCE, "ship": {"allowed": False, "why": "a test"}}
    values["distill"]["teacher"]["epochs"] = values["distill"]["epochs"] = 1
    place = write_recipe(Path("model_zoo/tiny"))
    result = distill(place, Path("build/distill"))
    weights = Path("build/weights/tiny/weights.safetensors")
    assert sha256_file(weights) == result.weights_sha256 == load_recipe(place).weights.sha256
    assert sorted(path.name for path in place.iterdir()) == ["model.yaml", "results.json"]
    assert recipe_pipeline(place).weights == weights
    assert choose_thresholds(place).chosen.novelty is not None
    weights.unlink()
    for use in (recipe_pipeline, choose_thresholds):
        with pytest.raises(InputError) as caught:
            use(place)
        assert (caught.value.code, caught.value.fix) == ("WEIGHTS-MISSING", f"run: cxredge distill {place}")
