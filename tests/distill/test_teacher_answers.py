from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cxredge.distill import teacher_answers
from cxredge.distill.processes import Processes
from cxredge.distill.run import distill
from cxredge.distill.splits import Films
from cxredge.distill.teacher_answers import KeptAnswers
from cxredge.distill.views import Views

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "answers"))


def views(seed: int = 1, digest: str = "0" * 64) -> Views:
    images = torch.randint(0, 256, (70, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    names = tuple(map(str, range(70)))
    return Views(Films(images, torch.zeros(70, 2), names, names, digest), seed, "student", 10, fixed=3)


class Teacher:
    """Counts the films that it was asked about."""

    def __init__(self) -> None:
        self.films = 0

    def __call__(self, films: Tensor) -> Mapping[str, Tensor]:
        self.films += len(films)
        pooled = films.mean((2, 3))
        return {"logits": torch.cat([pooled, -pooled], 1), "cam": films[:, :, ::24, ::24], "features": films}


def test_each_film_is_asked_about_once_a_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher_answers, "PART", 33)  # the last part is a short one
    teacher, seen = Teacher(), views()
    kept = KeptAnswers(teacher, "t", ("cam", "logits"), seen, Processes())
    for epoch in range(6):
        view = seen.of(epoch)
        for places in seen.order(epoch).split(20):
            sample = seen.sample(view, places, CPU)
            said, own = kept(sample), Teacher()(sample.films)
            assert said.keys() == {"cam", "logits"}, "what losses read, and no more"
            for name, tensor in said.items():
                torch.testing.assert_close(tensor, own[name], rtol=1e-6, atol=1e-4)
    assert teacher.films == 3 * 70
    # another run finds them
    again = Teacher()
    kept = KeptAnswers(again, "t", ("cam", "logits"), views(), Processes())
    kept(seen.sample(seen.of(0), torch.arange(5), CPU))
    assert again.films == 0


@pytest.mark.parametrize(
    ("changed", "names"),
    [(views(seed=2), ("logits",)), (views(digest="1" * 64), ("logits",)), (views(), ("cam",))],
)
def test_what_decides_answers_asks_again(changed: Views, names: tuple[str, ...]) -> None:
    seen = views()
    KeptAnswers(Teacher(), "t", ("logits",), seen, Processes()).prepare(seen.of(0))
    teacher = Teacher()
    KeptAnswers(teacher, "t", names, changed, Processes()).prepare(changed.of(0))
    assert teacher.films == 70
    other = Teacher()
    KeptAnswers(other, "another", ("logits",), seen, Processes()).prepare(seen.of(0))
    assert other.films == 70


def test_a_student_learns_the_same_from_kept_answers(
    write_recipe: Callable[[Path], Path], values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view that does not return within the epochs is the epoch's own."""
    values["distill"]["teacher"]["epochs"] = 1
    # so slowly that the last bits, in which answers to batches of another size differ, do not grow
    values["distill"]["learning_rate"] = 1e-7
    found = []
    for fixed in (None, 3):
        if fixed:
            values["distill"]["views"] = fixed
        place = tmp_path / str(fixed)
        result = distill(write_recipe(place / "tiny"), place / "work")
        assert result is not None
        found.append(result)
    without, kept = found
    assert kept.student.losses == pytest.approx(without.student.losses, abs=1e-4)
    assert list((tmp_path / "answers/stages/teacher-answers").iterdir())
