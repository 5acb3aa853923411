from __future__ import annotations

import pytest
import torch

from cxredge.distill import augment as module
from cxredge.distill.augment import changed, draw


def augment(films: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return changed(films, draw(len(films), generator))


def test_shape_range_and_seed() -> None:
    films = torch.rand(4, 1, 48, 32) * 255
    first, again = (augment(films, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.shape == films.shape
    assert first.dtype == torch.float32
    assert 0 <= float(first.min()) <= float(first.max()) <= 255
    assert torch.equal(first, again)
    assert not torch.equal(first, augment(films, torch.Generator().manual_seed(2)))


def test_nothing_changes_without_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROTATION", "SHIFT", "SCALE", "CONTRAST", "BRIGHTNESS", "GAMMA"):
        monkeypatch.setattr(module, name, 0.0)
    films = torch.rand(2, 3, 48, 32) * 255
    torch.testing.assert_close(augment(films, torch.Generator()), films, atol=1e-2, rtol=0)


def test_left_stays_left() -> None:
    """A mark in the left half of the picture is there in every augmented film."""
    films = torch.zeros(200, 1, 64, 64)
    films[:, :, 28:36, 12:20] = 255
    seen = augment(films, torch.Generator().manual_seed(0))
    seen = seen - seen.amin((2, 3), keepdim=True)
    left, right = seen[..., :32].sum((1, 2, 3)), seen[..., 32:].sum((1, 2, 3))
    assert bool((left > 2 * right).all())


def test_a_turn_keeps_angles_on_oblong_films(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHIFT", "SCALE", "CONTRAST", "BRIGHTNESS", "GAMMA"):
        monkeypatch.setattr(module, name, 0.0)
    monkeypatch.setattr(module, "ROTATION", 0.5)
    films = torch.zeros(20, 1, 64, 128)
    films[:, :, 16:48, 48:80] = 255  # a centred square of 32 x 32
    seen = augment(films, torch.Generator().manual_seed(0))[:, 0]
    rows = torch.arange(64.0)[:, None] - 31.5
    columns = torch.arange(128.0)[None] - 63.5
    mass = seen.sum((1, 2))
    # a turned square has equal second moments along both axes; a sheared one has not
    tall, wide = (seen * rows**2).sum((1, 2)) / mass, (seen * columns**2).sum((1, 2)) / mass
    torch.testing.assert_close(tall, wide, rtol=0.02, atol=0)


def test_borders_that_are_cut_off_are_gone_and_the_rest_fills_the_film(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROTATION", "SHIFT", "SCALE", "CONTRAST", "BRIGHTNESS", "GAMMA"):
        monkeypatch.setattr(module, name, 0.0)
    films = torch.arange(64.0).repeat(64, 1)[None, None] * 2  # brighter to the right
    changes = draw(1, torch.Generator(), border=0.25)
    changes[0, -4:] = torch.tensor([0.25, 0.0, 0.0, 0.125])  # left and below
    seen = changed(films, changes)[0, 0]
    assert float(seen[0, 0]) == pytest.approx(float(films[0, 0, 0, 16]), abs=4)
    assert float(seen[5, -3]) == pytest.approx(float(films[0, 0, 0, -3]), abs=4)
    seen = changed(films.transpose(2, 3), changes)[0, 0]
    assert float(seen[0, 5]) == pytest.approx(0, abs=4)
    assert float(seen[-1, 5]) == pytest.approx(float(films[0, 0, 0, 55]), abs=4)


def test_borders_are_cut_by_as_much_as_is_asked_at_most() -> None:
    changes = draw(500, torch.Generator().manual_seed(1), border=0.1)[:, -4:]
    assert 0 <= float(changes.min()) < 0.001 < 0.099 < float(changes.max()) <= 0.1
    assert float(draw(9, torch.Generator().manual_seed(1))[:, -4:].abs().max()) == 0
