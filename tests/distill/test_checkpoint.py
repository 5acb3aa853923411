from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from cxredge.distill.checkpoint import CheckpointFile, fingerprint
from cxredge.errors import InputError
from cxredge.recipe import Recipe


def test_round_trip_and_absence(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "new" / "teacher.pt", "a")
    assert file.load() is None
    file.save({"module": {"w": torch.arange(3.0)}, "losses": [0.5]})
    state = file.load()
    assert state is not None
    assert state["losses"] == [0.5]
    assert torch.equal(state["module"]["w"], torch.arange(3.0))
    assert [p.name for p in file.path.parent.iterdir()] == ["teacher.pt"]


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    CheckpointFile(tmp_path / "t.pt", "a").save({})
    with pytest.raises(InputError, match="another configuration") as caught:
        CheckpointFile(tmp_path / "t.pt", "b").load()
    assert caught.value.code == "DISTILL-CHECKPOINT"
    assert "--fresh" in caught.value.fix


@pytest.mark.parametrize("data", [b"", b"nonsense", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.pt").write_bytes(data)
    with pytest.raises(InputError) as caught:
        CheckpointFile(tmp_path / "t.pt", "a").load()
    assert caught.value.code == "DISTILL-CHECKPOINT"


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('code ran')",))


def test_no_code_is_unpickled(tmp_path: Path) -> None:
    torch.save({"configuration": "a", "x": Trap()}, tmp_path / "t.pt")
    with pytest.raises(InputError) as caught:
        CheckpointFile(tmp_path / "t.pt", "a").load()
    assert caught.value.code == "DISTILL-CHECKPOINT"


def test_fingerprint_follows_what_decides_the_training(values: dict[str, Any]) -> None:
    base = fingerprint(Recipe.model_validate(values), 1)
    assert fingerprint(Recipe.model_validate(values), 2) != base
    values["operating_points"]["Effusion"]["logit"] = 1.0  # written back by the training itself
    values["weights"]["sha256"] = "1" * 64
    values["card"]["summary"] = "other"
    assert fingerprint(Recipe.model_validate(values), 1) == base
    values["distill"]["temperature"] = 3.0
    assert fingerprint(Recipe.model_validate(values), 1) != base
