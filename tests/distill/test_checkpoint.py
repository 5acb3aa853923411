from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from cxredge.distill.checkpoint import CheckpointFile, fingerprint
from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.recipe_distillation import Role


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
    file = CheckpointFile(tmp_path / "t.pt", "a")
    file.save({"x": Trap()})  # its hash is right
    with pytest.raises(InputError, match="not a checkpoint of this program") as caught:
        file.load()
    assert caught.value.code == "DISTILL-CHECKPOINT"


def test_no_flipped_bit_is_trained_on_from(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "t.pt", "a")
    file.save({"module": {"w": torch.arange(40.0)}})
    whole = file.path.read_bytes()
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file.path.write_bytes(changed)
        with pytest.raises(InputError) as caught:
            file.load()
        assert caught.value.code == "DISTILL-CHECKPOINT"


def test_fingerprint_follows_what_decides_the_training(values: dict[str, Any]) -> None:
    base = fingerprint(Recipe.model_validate(values), 1, "student")
    assert fingerprint(Recipe.model_validate(values), 2, "student") != base
    values["operating_points"]["Effusion"]["logit"] = 1.0  # written back by the training itself
    values["weights"]["sha256"] = "1" * 64
    values["card"]["summary"] = "other"
    assert fingerprint(Recipe.model_validate(values), 1, "student") == base
    values["distill"]["temperature"] = 3.0
    assert fingerprint(Recipe.model_validate(values), 1, "student") != base


@pytest.mark.parametrize(
    ("key", "value", "anew"),
    [
        ("learning_rate", 0.5, {"student"}),
        ("epochs", 99, {"student"}),
        ("views", 3, {"student"}),
        ("temperature", 3.0, {"student"}),
        ("batch", 6, {"teacher", "student"}),
        ("border_crop", 0.1, {"teacher", "student"}),
        ("teacher", {"backbone": "timm/mobilenetv2_035", "epochs": 77}, {"teacher", "student"}),
        ("pretraining", {"backbone": "timm/x", "pretrained": "y", "epochs": 3}, {"pretraining", "student"}),
        ("seed", 6, {"pretraining", "teacher", "student"}),
    ],
)
def test_only_the_trainings_that_a_change_concerns_start_anew(
    values: dict[str, Any], key: str, value: object, anew: set[str]
) -> None:
    values["distill"]["pretraining"] = {"backbone": "timm/x", "pretrained": "y"}

    def prints() -> dict[Role, str]:
        return {role: fingerprint(Recipe.model_validate(values), 1, role) for role in get_args(Role)}

    before = prints()
    values["distill"][key] = value
    assert {role for role, found in prints().items() if found != before[role]} == anew
