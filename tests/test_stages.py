"""Stages are used again only when they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.stages import Stage, source_digest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def filled(value: int) -> Stage:
    stage = Stage("kind", {"value": value})
    with stage.fill() as folder:
        (folder / "result").write_text(str(value))
    return stage


def test_equal_inputs_share_a_result() -> None:
    filled(1)
    assert Stage("kind", {"value": 1}).hit()
    assert not Stage("kind", {"value": 2}).hit()
    assert not Stage("other", {"value": 1}).hit()


@pytest.mark.parametrize("damage", ["changed", "removed", "record"])
def test_damaged_results_are_thrown_away(damage: str) -> None:
    stage = filled(1)
    if damage == "changed":
        (stage.folder / "result").write_text("2")
    elif damage == "removed":
        (stage.folder / "result").unlink()
    else:
        (stage.folder / "stage.json").write_text("{")
    assert not stage.hit()
    assert not stage.folder.exists()


def test_an_interrupted_fill_leaves_nothing(cache: Path) -> None:
    stage = Stage("kind", {"value": 1})
    with pytest.raises(KeyboardInterrupt), stage.fill() as folder:
        (folder / "result").write_text("half")
        raise KeyboardInterrupt
    assert not stage.hit()
    assert list((cache / "kind").iterdir()) == []


def test_source_digest_follows_the_code() -> None:
    assert source_digest("targets") == source_digest("targets")
    assert source_digest("targets") != source_digest("targets", "students")
