"""How a training's films are seen: in which size, and with which light changes, epoch by epoch.

A view is one set of changes, drawn once for all films from the recipe's seed and the view's number. So a film's change
does not depend on the batch, the process or the order that it comes in, and a view that returns is the same again: what
a teacher said of it may be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from cxredge.distill.augment import changed, draw, moved
from cxredge.distill.splits import Films
from cxredge.files import sha256_bytes

SMALL_SHARE = 0.6
"""Share of the epochs that come first, on smaller films (Tan & Le, "EfficientNetV2", 2021, section 4): less time."""
SMALL_SCALE = 2 / 3
STRIDE = 32
"""Total stride of the backbones here: smaller films keep a whole number of cells, and not fewer than one."""


@dataclass(frozen=True)
class View:
    """One set of changes, and the films' height and width in it."""

    number: int
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Sample:
    """Some films as a step sees them."""

    films: Tensor
    """float32[n, ch, h, w] 0..255."""
    targets: Tensor
    """float32[n, C]."""
    places: Tensor
    """int64[n]: their rows in ``Films``, on the CPU."""
    view: View
    masks: Tensor | None = None
    """float32[n, C, h, w] 0..1: what share of a pixel lies in each label's finding; None: no loss looks at them."""


@dataclass(frozen=True, eq=False)
class Views:
    """What a training of ``epochs`` epochs sees of ``films``.

    fixed: the number of views, which return in turn; None: each epoch has its own. one_size: a network that takes films
    of one size alone; without it early epochs are on smaller films. border: see ``draw``. shares: float64[N], how often
    an epoch's draws, with return, take each film; None: it takes every film once.
    """

    films: Films
    seed: int
    name: str
    epochs: int
    fixed: int | None = None
    one_size: bool = False
    border: float = 0.0
    shares: Tensor | None = None

    def of(self, epoch: int) -> View:
        """The view of an epoch, counted from 0."""
        full = self.films.images.shape[2:]
        size = (int(full[0]), int(full[1])) if self.one_size else film_size(full, epoch, self.epochs)
        return View(epoch if self.fixed is None else epoch % self.fixed, size)

    def sample(self, view: View, places: Tensor, device: torch.device) -> Sample:
        """places: int64[n]. The films of these rows in a view."""
        images = self.films.images[places].to(device)
        changes = self._changes(view.number)[places].to(device)
        films = changed(resized(images, view.size), changes).contiguous(memory_format=torch.channels_last)
        masks = self.films.masks
        if masks is not None:
            masks = moved(resized(masks[places].to(device), view.size), changes) / 255
        return Sample(films, self.films.targets[places].to(device), places, view, masks)

    def order(self, epoch: int) -> Tensor:
        """int64[N]: the rows in the order of an epoch."""
        generator = self._generator("order", epoch)
        if self.shares is not None:
            return torch.multinomial(self.shares, len(self.films), replacement=True, generator=generator)
        return torch.randperm(len(self.films), generator=generator)

    def seed_step(self, epoch: int, step: int, group: int) -> None:
        """Seed torch's global generators, which drop-out layers draw from, for one group of films of one step."""
        torch.manual_seed(seed_of(self.seed, self.name, "step", epoch, step, group))

    @lru_cache(maxsize=2)  # noqa: B019  # the epochs' own: a training holds it as long as it lives
    def _changes(self, number: int) -> Tensor:
        return draw(len(self.films), self._generator("view", number), self.border)

    def _generator(self, *purpose: object) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(self.seed, self.name, *purpose))


def seed_of(seed: int, *purpose: object) -> int:
    """A seed for one purpose, below 2^60."""
    return int(sha256_bytes("\0".join(map(str, (seed, *purpose))).encode())[:15], 16)


def film_size(full: torch.Size | tuple[int, ...], epoch: int, epochs: int) -> tuple[int, int]:
    """Height and width of the films in ``epoch``."""
    if epoch >= SMALL_SHARE * epochs:
        return int(full[0]), int(full[1])
    small = [min(side, max(STRIDE, round(side * SMALL_SCALE / STRIDE) * STRIDE)) for side in full]
    return small[0], small[1]


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8[N, ch, H, W] -> float32[N, ch, *size] 0..255, antialiased; unchanged values where the size is the same."""
    films = images.float()
    if tuple(films.shape[2:]) == size:
        return films
    return F.interpolate(films, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 255)
