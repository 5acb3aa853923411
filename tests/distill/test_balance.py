from __future__ import annotations

from collections import Counter

import pytest
import torch

from cxredge.distill.balance import shares
from cxredge.distill.splits import Films
from cxredge.distill.views import Views


def test_sources_of_a_class_weigh_alike_and_classes_stay() -> None:
    targets = torch.tensor([[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 4)
    sources = ["a"] * 5 + ["b"] + ["a"] * 4
    found = shares(targets, sources)
    assert float(found.sum()) == pytest.approx(1)
    assert float(found[:6].sum()) == pytest.approx(0.6)
    assert float(found[5]) == pytest.approx(0.3) == pytest.approx(float(found[:5].sum()))
    assert found[6:].tolist() == pytest.approx([0.1] * 4)


def test_untold_labels_are_a_class_of_their_own() -> None:
    targets = torch.tensor([[1.0, torch.nan], [1.0, torch.nan], [1.0, 0.0]])
    assert shares(targets, ["a", "b", "a"]).tolist() == pytest.approx([1 / 3] * 3)


def test_an_epoch_draws_by_shares() -> None:
    names = tuple(map(str, range(400)))
    films = Films(torch.zeros(400, 1, 32, 32, dtype=torch.uint8), torch.zeros(400, 1), names, names, "0" * 64)
    sources = ["rare"] * 20 + ["common"] * 380
    views = Views(films, 1, "student", 10, shares=shares(films.targets, sources))
    drawn = Counter(sources[row] for epoch in range(10) for row in views.order(epoch).tolist())
    assert drawn.total() == 4000
    assert abs(drawn["rare"] - 2000) < 200  # six standard deviations
    assert torch.equal(views.order(3), views.order(3))
