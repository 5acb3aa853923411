from __future__ import annotations

import itertools
import resource
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cxredge.distill.checkpoint import CheckpointFile
from cxredge.distill.optimizing import schedule
from cxredge.distill.processes import Processes
from cxredge.distill.splits import Films
from cxredge.distill.training import Loss, Training
from cxredge.distill.training_log import TrainingLog
from cxredge.distill.views import Sample, Views
from cxredge.errors import CxrError, InputError
from cxredge.interruption import interrupt
from cxredge.recipe_distillation import Course


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
    names = tuple(map(str, range(n)))
    return Films(images, (torch.rand(n, 2, generator=random) < 0.5).float(), names, names, "0" * 64)


def bce(sample: Sample, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {"bce": nn.functional.binary_cross_entropy_with_logits(outputs["logits"], sample.targets)}


COURSE = Course(epochs=4, batch=8, learning_rate=0.01)


def training(
    place: Path, loss: Loss = bce, course: Course = COURSE, seed: int = 1, of: Films | None = None, **more: Any
) -> Training[Net]:
    torch.manual_seed(0)
    views = Views(of or films(), seed, "student", course.epochs)
    checkpoint = CheckpointFile(place / "student.pt", "x")
    return Training("student", Net(), views, loss, course, checkpoint, TrainingLog(place, "student"), **more)


def losses(of: Training[Net]) -> list[float]:
    return [epoch.loss for epoch in of.history]


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = training(tmp_path / "whole")
    expected = whole.run().state_dict()

    calls = 0

    def interrupted(sample: Sample, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls == 6:  # two steps an epoch: in the last step of the third
            interrupt(KeyboardInterrupt())
        return bce(sample, outputs)

    with pytest.raises(KeyboardInterrupt):
        training(tmp_path / "cut", interrupted).run()
    # the step was ended, and kept
    assert training(tmp_path / "cut").checkpoint.come() == (2, 2)
    torch.rand(100)  # the global generator's state must not matter
    resumed = training(tmp_path / "cut")
    found = resumed.run().state_dict()
    assert losses(resumed) == losses(whole)
    assert len(losses(resumed)) == 4
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
    assert torch.equal(whole.module.head.weight, resumed.module.head.weight)
    tables = [(tmp_path / run / "student.csv").read_text().splitlines() for run in ("whole", "cut")]
    # all but how long it took
    first, second = ([line.split(",")[:5] for line in table] for table in tables)
    assert first == second
    assert first[0] == ["epoch", "loss", "bce", "rate", "val_auc"]
    assert [line[0] for line in first[1:]] == ["1", "2", "3", "4"]
    assert list((tmp_path / "cut" / "events" / "student").glob("events.out.tfevents.*"))


@pytest.mark.parametrize("at", [1, 3, 4])
def test_a_kill_at_any_checkpoint_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A checkpoint after every step; what is done after it is lost, as by ``kill -9``."""
    expected = training(tmp_path / "whole").run().state_dict()
    monkeypatch.setattr("cxredge.distill.training.EVERY", -1.0)
    saved = 0

    class Killed(BaseException):
        pass

    def killed(sample: Sample, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        nonlocal saved
        saved += 1
        if saved == at + 1:
            raise Killed
        return bce(sample, outputs)

    with pytest.raises(Killed):
        training(tmp_path / "cut", killed).run()
    assert training(tmp_path / "cut").checkpoint.come() == divmod(at, 2)
    found = training(tmp_path / "cut").run().state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_cuts_of_a_batch_add_up(tmp_path: Path) -> None:
    """With statistics that stand still, films that pass one after the other give the gradients of all at once."""

    def steady(place: Path, micro_batch: int | None) -> Training[Net]:
        found = training(place, course=COURSE.model_copy(update={"micro_batch": micro_batch, "epochs": 1}))
        found.module.body = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU())
        torch.manual_seed(3)
        nn.init.normal_(found.module.body[0].weight)
        return found

    whole, cut = steady(tmp_path / "whole", None), steady(tmp_path / "cut", 2)
    whole.run(), cut.run()
    assert losses(cut) == pytest.approx(losses(whole), abs=1e-6)
    for one, other in zip(whole.module.parameters(), cut.module.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_it_stops_where_val_no_longer_gains_and_keeps_the_best(tmp_path: Path) -> None:
    areas = iter([0.6, 0.9, 0.8, None, 0.7, 0.95])
    seen: list[dict[str, Tensor]] = []

    def held_out(module: Net) -> float | None:
        seen.append({key: value.clone() for key, value in module.state_dict().items()})
        return next(areas)

    course = COURSE.model_copy(update={"epochs": 6, "patience": 3})
    stopped = training(tmp_path, course=course, held_out=held_out)
    kept = stopped.run().state_dict()
    assert [epoch.val_auc for epoch in stopped.history] == [0.6, 0.9, 0.8, None, 0.7]
    assert stopped.kept_epoch == 2
    assert all(torch.equal(kept[key], value) for key, value in seen[1].items())
    # nothing is left to do, and the same is given again
    again = training(tmp_path, course=course, held_out=held_out)
    assert all(torch.equal(value, kept[key]) for key, value in again.run().state_dict().items())
    assert again.kept_epoch == 2


@pytest.mark.parametrize("what", ["one film", "the gradient"])
def test_a_loss_that_is_no_number_stops_it_and_names_films(tmp_path: Path, what: str) -> None:
    calls = 0

    def broken(sample: Sample, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls < 4:  # two steps an epoch
            return bce(sample, outputs)
        return {"bce": outputs["logits"].sum().abs().sqrt() * float("inf" if what == "the gradient" else "nan")}

    def answer(module: Net, seen: Tensor) -> dict[str, Tensor]:
        said = module(seen)
        if calls >= 3 and what == "one film":
            said["logits"] = torch.where(torch.arange(len(seen))[:, None] == 5, torch.nan, said["logits"])
        return said

    broken_one = training(tmp_path, broken, answer=answer)
    with pytest.raises(InputError) as caught:
        broken_one.run()
    assert caught.value.code == "DISTILL-NAN"
    assert "step 2 of epoch 2" in caught.value.cause
    order = broken_one.views.order(1)[8:16].tolist()
    named = caught.value.cause.rpartition(" on ")[2]
    assert named == (str(order[5]) if what == "one film" else f"{', '.join(map(str, order[:3]))} and 5 more")
    assert broken_one.checkpoint.come() == (1, 0), "the last good one"


def test_more_processes_than_films_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        training(tmp_path, processes=Processes(world=5)).run()
    assert caught.value.code == "DISTILL-SHARE"


def test_an_interrupted_save_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training(tmp_path).run()
    file = CheckpointFile(tmp_path / "student.pt", "x")
    before = file.path.read_bytes()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        file.save({"losses": []})
    assert file.path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events", "student.csv", "student.pt"]


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk's."""
    training(tmp_path, course=COURSE.model_copy(update={"epochs": 1})).run()
    file = tmp_path / "student.pt"
    before = file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(CxrError) as caught:
            training(tmp_path).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heard)
    assert caught.value.code.startswith(("DISK-", "PATH-")), caught.value.code
    assert file.read_bytes() == before


def test_seeds_decide(tmp_path: Path) -> None:
    first, second, third = (training(tmp_path / str(at), seed=seed) for at, seed in enumerate((1, 1, 2)))
    first.run(), second.run(), third.run()
    assert losses(first) == losses(second)
    assert losses(first) != losses(third)


def test_it_learns(tmp_path: Path) -> None:
    """Bright against dark halves: thirty epochs are enough."""
    every = films()
    bright = every.targets[:, :1, None, None]
    images = (every.images.float() * 0.4 + bright * 120).to(torch.uint8)
    easy = replace(every, images=images, targets=every.targets[:, :1].repeat(1, 2))
    task = training(tmp_path, course=COURSE.model_copy(update={"epochs": 30}), of=easy)
    task.run()
    assert max(losses(task)[-5:]) < 0.65 * losses(task)[0]


def test_rate_rises_then_falls_to_nothing() -> None:
    rates = [schedule(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == 1.0
    assert rates.index(1.0) == 9
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] < 0.001
    assert schedule(0, 1) == 1.0
