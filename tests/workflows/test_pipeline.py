from __future__ import annotations

from pathlib import Path

from cxredge.workflows.pipeline import Walk, walk_recipe

PHANTOM = Path(__file__).parents[2] / "model_zoo" / "phantom"


def test_what_an_artifact_keeps_in_float_is_part_of_its_stage_and_of_no_other() -> None:
    walk = walk_recipe(PHANTOM)
    kept = walk.recipe.model_copy(update={"keep_float": {"tflite/w8a8": (r".*\.conv_stem",)}})
    other = Walk(kept, walk.weights, walk.artifacts)
    changed = [name for name in walk.artifacts if walk.lower_stage(name).key != other.lower_stage(name).key]
    assert changed == ["tflite/w8a8"]
    assert walk.rounded_stage().key == other.rounded_stage().key
