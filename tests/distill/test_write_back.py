from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxredge.distill.thresholds import Thresholds, whole
from cxredge.distill.write_back import write_back
from cxredge.recipe_decision import Margin, Novelty, OperatingPoint, Quality
from cxredge.recipe_file import load_recipe
from cxredge.vocabulary import QUALITY_KINDS

ZOO = Path(__file__).parents[2] / "model_zoo"


@pytest.mark.parametrize("name", ["phantom", "cxr14-lite0"])
def test_only_the_findings_change(name: str, tmp_path: Path) -> None:
    before = (ZOO / name / "model.yaml").read_text()
    file = tmp_path / "model.yaml"
    file.write_text(before)
    recipe = load_recipe(file)
    points = {k: OperatingPoint(logit=-1.25, rule="new: rule") for k in recipe.labels.names}
    write_back(file, "a" * 64, Thresholds(points, None, Novelty(threshold=2.5, rule="newer")))

    after = load_recipe(file)
    assert after.weights.sha256 == "a" * 64
    assert dict(after.operating_points) == points
    assert after.novelty == Novelty(threshold=2.5, rule="newer")
    kept = recipe.model_dump(exclude={"weights", "operating_points", "novelty"})
    assert after.model_dump(exclude={"weights", "operating_points", "novelty"}) == kept
    # every other line stands as it stood, comments and layout included
    gone = set(before.splitlines()) - set(file.read_text().splitlines())
    assert len(gone) == len(points) + 3
    assert all("logit" in x or "sha256" in x or "threshold" in x or "rule" in x for x in gone)


def test_writing_twice_changes_nothing(write_recipe: Callable[[Path], Path], tmp_path: Path) -> None:
    file = write_recipe(tmp_path) / "model.yaml"
    points = {k: OperatingPoint(logit=0.5, rule="r") for k in ("Cardiomegaly", "Effusion")}
    chosen = Thresholds(points, None, Novelty(threshold=1.5, rule="r"))
    write_back(file, "b" * 64, chosen)
    once = file.read_bytes()
    assert once.startswith(b"# a comment that stays")
    write_back(file, "b" * 64, chosen)
    assert file.read_bytes() == once


def test_exclusive_classes_get_their_margin(class_recipe: Callable[[], Path]) -> None:
    file = class_recipe() / "model.yaml"
    recipe = load_recipe(file)
    margin, novelty = Margin(log_odds=1.25, rule="accuracy >= 0.8 on val"), Novelty(threshold=1.5, rule="r")
    write_back(file, "b" * 64, Thresholds({}, margin, novelty))
    after = load_recipe(file)
    assert (after.least_margin, after.novelty, after.weights.sha256) == (margin, novelty, "b" * 64)
    changed = {"weights", "least_margin", "novelty"}
    assert after.model_dump(exclude=changed) == recipe.model_dump(exclude=changed)


def test_keys_that_a_recipe_lacks_are_added(
    write_recipe: Callable[[Path], Path], values: dict[str, Any], tmp_path: Path
) -> None:
    for key in ("weights", "operating_points", "novelty"):
        del values[key]
    file = write_recipe(tmp_path) / "model.yaml"
    recipe = load_recipe(file)
    assert recipe.not_yet == ("weights.sha256", "operating_points", "novelty")
    chosen = Thresholds({"Effusion": OperatingPoint(logit=0.5, rule="r")}, None, Novelty(threshold=1.5, rule="r"))
    write_back(file, "b" * 64, whole(recipe, chosen))
    after = load_recipe(file)
    assert (after.weights.sha256, after.novelty, after.not_yet) == ("b" * 64, chosen.novelty, ())
    assert after.operating_points["Effusion"] == chosen.points["Effusion"]
    assert after.operating_points["Cardiomegaly"].rule.startswith("not fitted, too few films")
    keys = [line.partition(":")[0] for line in file.read_text().splitlines() if line[:1] not in ("", " ", "#", "-")]
    assert keys.index("weights") == keys.index("student") + 1
    assert list(load_recipe(file).operating_points) == ["Cardiomegaly", "Effusion"]
    # of a recipe that is one mapping in braces, and of one with names in quotes
    for text in (
        recipe.model_dump_json(exclude={"weights", "operating_points", "novelty"}),
        file.read_text().replace("labels:", '"labels":').replace("student:", '"student":'),
    ):
        file.write_text(text)
        write_back(file, "c" * 64, whole(recipe, chosen))
        assert (load_recipe(file).not_yet, load_recipe(file).weights.sha256) == ((), "c" * 64)
        assert load_recipe(file).operating_points == after.operating_points


def test_comments_stay_with_the_keys_that_they_stand_before(tmp_path: Path) -> None:
    text = (ZOO / "phantom" / "model.yaml").read_text()
    start, end = (text.index(f"\n{key}:\n") for key in ("operating_points", "novelty"))
    cut = text[:start] + "\n# before novelty" + text[end:]
    cut = "\n".join(line for line in cut.split("\n") if not line.strip().startswith("sha256:"))
    file = tmp_path / "model.yaml"
    file.write_text(cut)
    recipe = load_recipe(file)
    assert recipe.not_yet == ("weights.sha256", "operating_points")
    write_back(file, "b" * 64, whole(recipe, Thresholds({}, None, None)))
    lines = file.read_text().split("\n")
    assert lines.index("# before novelty") > lines.index("operating_points:") > lines.index("labels:")
    assert set(cut.split("\n")) <= set(lines)
    assert load_recipe(file).not_yet == ()


def test_exclusive_classes_that_have_no_margin_yet(
    class_recipe: Callable[[], Path], values: dict[str, Any], tmp_path: Path
) -> None:
    class_recipe()
    del values["least_margin"]
    file = class_recipe() / "model.yaml"
    assert "least_margin" in load_recipe(file).not_yet
    margin = Margin(log_odds=1.25, rule="accuracy >= 0.8 on val")
    write_back(file, "b" * 64, Thresholds({}, margin, None))
    assert load_recipe(file).least_margin == margin


@pytest.mark.parametrize("said", [None, "none", {"thresholds": dict.fromkeys(QUALITY_KINDS, 1.0), "rule": "older"}])
def test_quality_gets_its_place_whatever_stood_there(
    said: object, values: dict[str, Any], write_recipe: Callable[[Path], Path], tmp_path: Path
) -> None:
    if said is not None:
        values["quality"] = said
    file = write_recipe(tmp_path) / "model.yaml"
    thresholds = dict(zip(QUALITY_KINDS, (0.5, 1.5, 0.0, 2.25), strict=True))
    quality = Quality(thresholds=thresholds, rule="at most 1 % of val, 102 films")
    write_back(file, "b" * 64, Thresholds({}, None, None, quality))
    after = load_recipe(file)
    assert after.quality == quality
    assert after.outputs == ("logits", "cam", "novelty", "quality")
    text = file.read_text()
    assert "thresholds: {inverted: 0.5, upside-down: 1.5, turned: 0.0, mirrored: 2.25}" in text
    if said is None:
        assert text.index("novelty:\n") < text.index("quality:") < text.index("data:")
