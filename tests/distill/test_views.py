from __future__ import annotations

import torch

from cxredge.distill.splits import Films
from cxredge.distill.views import Views, film_size, resized


def views(fixed: int | None = None, seed: int = 1, one_size: bool = False) -> Views:
    images = torch.randint(0, 256, (12, 1, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    names = tuple(map(str, range(12)))
    return Views(
        Films(images, torch.arange(24.0).reshape(12, 2), names, names, "0" * 64), seed, "student", 10, fixed, one_size
    )


CPU = torch.device("cpu")


def test_a_film_is_seen_alike_whoever_comes_with_it() -> None:
    seen = views()
    alone = seen.sample(seen.of(3), torch.tensor([7]), CPU)
    among = seen.sample(seen.of(3), torch.tensor([2, 7, 0]), CPU)
    assert torch.equal(alone.films[0], among.films[1])
    assert torch.equal(alone.targets[0], among.targets[1])
    assert not torch.equal(alone.films[0], seen.sample(seen.of(4), torch.tensor([7]), CPU).films[0])
    other = views(seed=2)
    assert not torch.equal(alone.films[0], other.sample(other.of(3), torch.tensor([7]), CPU).films[0])


def test_fixed_views_return_in_each_size() -> None:
    seen = views(fixed=4)
    assert [seen.of(epoch).number for epoch in range(10)] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert seen.of(1) == seen.of(5)
    assert seen.of(4).size != seen.of(8).size
    assert {views(one_size=True).of(epoch).size for epoch in range(10)} == {(64, 96)}


def test_an_epoch_sees_every_film_once_in_its_own_order() -> None:
    seen = views()
    assert sorted(seen.order(0).tolist()) == list(range(12))
    assert torch.equal(seen.order(0), views().order(0))
    assert not torch.equal(seen.order(0), seen.order(1))


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


def test_masks_go_where_their_films_go() -> None:
    """A square of light and its mask: turned, shifted, resized and cut alike, in both sizes of films."""
    squares = torch.zeros(12, 1, 96, 64, dtype=torch.uint8)
    for at in range(12):
        squares[at, :, 20 + 4 * at : 32 + 4 * at, 24:40] = 255
    names = tuple(map(str, range(12)))
    targets = torch.ones(12, 2)
    films = Films(squares, targets, names, names, "0" * 64, masks=torch.cat([squares * 0, squares], 1))
    seen = Views(films, 1, "student", 10, border=0.1)
    rows, columns = torch.arange(96.0)[:, None], torch.arange(64.0)[None]
    moved_at_all = 0.0
    for epoch in (0, 9):
        sample = seen.sample(seen.of(epoch), torch.arange(12), CPU)
        assert sample.masks is not None
        assert sample.masks.shape == (12, 2, *seen.of(epoch).size)
        assert 0 == float(sample.masks[:, 0].max()) < float(sample.masks.max()) < 1.001
        # exposure moves levels, no edges: the mask is where the film is lighter than half-way
        lights = sample.films[:, 0]
        middle = (lights.amax((1, 2), keepdim=True) + lights.amin((1, 2), keepdim=True)) / 2
        mask = sample.masks[:, 1] > 0.5
        differ = ((lights > middle) != mask).sum((1, 2)) / mask.sum((1, 2))
        assert float(differ.max()) < 0.3  # of the pixels, all at the edge: gamma moves the half-way there
        h, w = seen.of(epoch).size
        for weight in (lights > middle, mask):
            row = (weight * rows[:h]).sum((1, 2)) / weight.sum((1, 2)) * 96 / h
            moved_at_all = max(moved_at_all, float((row - torch.arange(12) * 4 - 25.5).abs().max()))
        centre = [((x * columns[:, :w]).sum((1, 2)) / x.sum((1, 2))) for x in (lights > middle, mask)]
        torch.testing.assert_close(*centre, rtol=0, atol=0.5)
    assert moved_at_all > 4


def test_films_without_masks_have_none() -> None:
    seen = views()
    assert seen.sample(seen.of(0), torch.tensor([1]), CPU).masks is None
