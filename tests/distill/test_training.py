from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cxredge.distill.checkpoint import CheckpointFile
from cxredge.distill.splits import Films
from cxredge.distill.training import Loss, Training, film_size, resized, schedule


class Net(nn.Module):
    """Small, with everything whose state could be lost: batch norm, drop-out, weights."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.BatchNorm2d(4), nn.Dropout(0.2), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, films: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.body(films / 255).mean((2, 3)))}


def films(n: int = 20) -> Films:
    random = torch.Generator().manual_seed(4)
    images = torch.randint(0, 256, (n, 1, 48, 48), generator=random, dtype=torch.uint8)
    return Films(images, (torch.rand(n, 2, generator=random) < 0.5).float(), tuple(map(str, range(n))))


def bce(_: Tensor, outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(outputs["logits"], targets)


def training(place: Path, loss: Loss = bce, epochs: int = 4) -> Training[Net]:
    torch.manual_seed(0)
    return Training("student", Net(), films(), loss, epochs, 8, 0.01, 1, CheckpointFile(place / "student.pt", "x"))


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = training(tmp_path / "whole")
    expected = whole.run().state_dict()

    calls = 0

    def interrupted(f: Tensor, outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 6:  # two steps an epoch: in the middle of the third
            raise KeyboardInterrupt
        return bce(f, outputs, targets)

    with pytest.raises(KeyboardInterrupt):
        training(tmp_path / "cut", interrupted).run()
    torch.rand(100)  # the global generator's state must not matter
    resumed = training(tmp_path / "cut")
    found = resumed.run().state_dict()
    assert resumed.losses == whole.losses
    assert len(resumed.losses) == 4
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
    assert torch.equal(whole.module.head.weight, resumed.module.head.weight)


def test_an_interrupted_save_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training(tmp_path, epochs=4).run()
    file = CheckpointFile(tmp_path / "student.pt", "x")
    before = file.path.read_bytes()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        file.save({"losses": []})
    assert file.path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["student.pt"]


def test_seeds_decide(tmp_path: Path) -> None:
    first, second = training(tmp_path / "a"), training(tmp_path / "b")
    third = training(tmp_path / "c")
    third.seed = 2
    first.run(), second.run(), third.run()
    assert first.losses == second.losses
    assert first.losses != third.losses


def test_it_learns(tmp_path: Path) -> None:
    """Bright against dark halves: ten epochs are enough."""
    task = training(tmp_path, epochs=30)
    bright = task.films.targets[:, :1, None, None]
    images = (task.films.images.float() * 0.4 + bright * 120).to(torch.uint8)
    task.films = Films(images, task.films.targets[:, :1].repeat(1, 2), task.films.patients)
    task.run()
    assert task.losses[-1] < 0.6 * task.losses[0]


def test_rate_rises_then_falls_to_nothing() -> None:
    rates = [schedule(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == 1.0
    assert rates.index(1.0) == 9
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] < 0.001
    assert schedule(0, 1) == 1.0


def test_films_are_small_first() -> None:
    full = torch.Size((192, 224))
    sizes = [film_size(full, epoch, 10) for epoch in range(10)]
    assert sizes == [(128, 160)] * 6 + [(192, 224)] * 4
    assert film_size(torch.Size((32, 48)), 0, 10) == (32, 32)
    assert film_size(torch.Size((16, 16)), 0, 10) == (16, 16)


def test_resizing_keeps_values_and_mean() -> None:
    images = torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8)
    assert torch.equal(resized(images, (64, 64)), images.float())
    small = resized(images, (32, 32))
    assert small.shape == (2, 1, 32, 32)
    assert float((small.mean() - images.float().mean()).abs()) < 2
