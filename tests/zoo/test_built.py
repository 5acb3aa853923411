"""What bundles say is kept beside the recipes, and nothing of anybody's is replaced."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from cxredge.bundle.assemble import Parts, assemble
from cxredge.bundle.bundle import open_bundle
from cxredge.errors import InputError
from cxredge.zoo.built import write_built
from cxredge.zoo.entry import BuiltFigures
from cxredge.zoo.entry_card import MARK, write_cards
from cxredge.zoo.reading import BUILT, read_entry, read_zoo


@pytest.fixture
def dist(parts: Parts, tmp_path: Path) -> Path:
    """A folder with the bundle of phantom, and none of the others."""
    assemble(parts, "host", tmp_path / "dist" / "phantom-1.0.0")
    return tmp_path / "dist"


def test_the_figures_of_a_bundle_are_kept(zoo: Path, dist: Path) -> None:
    files, left = write_built(read_zoo(zoo), dist)
    assert files == [zoo / "phantom" / BUILT]
    assert [line.partition(":")[0] for line in left] == [p.name for p in sorted(zoo.iterdir()) if p.name != "phantom"]
    found = BuiltFigures.model_validate_json(files[0].read_bytes())
    bundle = open_bundle(dist / "phantom-1.0.0")
    record = bundle.record
    assert (found.bundle, found.weights_sha256) == (bundle.manifest.id, record.recipe.weights.sha256)
    assert [artifact.name for artifact in found.artifacts] == [artifact.name for artifact in record.artifacts]
    for artifact, verdict in zip(found.artifacts, record.verdicts, strict=True):
        assert (artifact.flips, artifact.auc) == (verdict.figures.flips, verdict.figures.auc)
        assert bool(artifact.broken) == (not verdict.passed)
    assert read_entry(zoo / "phantom").current == found


def test_what_a_failed_build_left_is_the_later_one(zoo: Path, dist: Path, parts: Parts) -> None:
    first = parts.verdicts[0]
    gate = first.gates[0].model_copy(update={"verdict": "broken", "value": 0.5, "bound": 0.1})
    broken = first.model_copy(update={"passed": False, "gates": (gate, *first.gates[1:])})
    spoilt = dataclasses.replace(parts, verdicts=(broken, *parts.verdicts[1:]))
    assemble(spoilt, "failed", dist / "phantom-1.0.0-failed")
    write_built(read_zoo(zoo), dist)
    built = read_entry(zoo / "phantom").built
    assert built is not None
    assert gate.words in built.artifacts[0].broken


def test_a_bundle_of_other_weights_is_left_out(zoo: Path, dist: Path) -> None:
    recipe = zoo / "phantom" / "model.yaml"
    entry = read_entry(recipe.parent)
    (recipe.parent / "results.json").unlink()
    recipe.write_text(recipe.read_text().replace(entry.recipe.weights.sha256, "0" * 63 + "1"))
    with pytest.raises(InputError, match="is of other weights; build it again") as caught:
        write_built(read_zoo(zoo), dist)
    assert caught.value.code == "ZOO-BUILT"


@pytest.mark.parametrize(("name", "code"), [("CARD.md", "OUTPUT-FOREIGN"), (BUILT, "ZOO-FILE")])
def test_nothing_of_anybodys_is_replaced(zoo: Path, dist: Path, name: str, code: str) -> None:
    file = zoo / "phantom" / name
    file.write_text("my own words")
    with pytest.raises(InputError) as caught:
        write_built(read_zoo(zoo), dist)
        write_cards(read_zoo(zoo))
    assert (caught.value.code, file.read_text()) == (code, "my own words")


def test_cards_are_written_over_earlier_ones(zoo: Path, dist: Path) -> None:
    for _ in range(2):
        write_built(read_zoo(zoo), dist)
        files = write_cards(read_zoo(zoo))
    assert [file.parent.name for file in files] == sorted(path.name for path in zoo.iterdir())
    assert all(file.read_text().startswith(MARK) for file in files)
    assert json.loads((zoo / "phantom" / BUILT).read_text())["bundle"] in (zoo / "phantom" / "CARD.md").read_text()
