"""One training: AdamW, one warm-up and a cosine, an average of the weights, and a checkpoint after every epoch.

Everything random in an epoch comes from a seed made of the recipe's seed, the training's name and the epoch's number,
and the learning rate from the step's number: so the state after an epoch is the weights and the optimizer's moments,
and a resumed training takes the same course as an uninterrupted one.
"""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from cxredge.distill.augment import augment
from cxredge.distill.checkpoint import CheckpointFile
from cxredge.distill.remaining import Remaining, lasting
from cxredge.distill.splits import Films
from cxredge.files import sha256_bytes
from cxredge.progress import track

M = TypeVar("M", bound=nn.Module)
Answers = Mapping[str, Tensor]
"""All outputs of a module, by name."""
Loss = Callable[[Tensor, Answers, Tensor], Tensor]
"""(films float32[N, ch, H, W] as the module saw them, what it answered, targets float32[N, C]) -> scalar."""

WEIGHT_DECAY = 0.02
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""
AVERAGE = 0.99
"""Decay of the weights' moving average once it is warm; the average is what a training returns."""
CLIP = 5.0
"""Largest norm of the gradient."""
SMALL_SHARE = 0.6
"""Share of the epochs that come first, on smaller films (Tan & Le, "EfficientNetV2", 2021, section 4): less time."""
SMALL_SCALE = 2 / 3
STRIDE = 32
"""Total stride of the backbones here: smaller films keep a whole number of cells, and not fewer than one."""


@dataclass
class Training(Generic[M]):
    """What to train, and how. ``module`` is changed in place."""

    name: str
    module: M
    films: Films
    loss: Loss
    epochs: int
    batch: int
    learning_rate: float
    seed: int
    checkpoint: CheckpointFile
    answer: Callable[[M, Tensor], Answers] = lambda module, films: module(films)
    held_out: Callable[[M], str] | None = None
    """What to say of the averaged module on films that it does not train on, after each epoch."""
    remaining: Remaining | None = None
    losses: list[float] = field(default_factory=list)
    """Mean loss of each epoch so far."""
    seconds: float = 0.0

    def run(self) -> M:
        """Train from the checkpoint, or the start, to the last epoch; returns the averaged module, in eval mode."""
        self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the faster layout on a CPU
        average = copy.deepcopy(self.module)
        optimizer = torch.optim.AdamW(_groups(self.module), lr=self.learning_rate)
        state = self.checkpoint.load()
        if state is not None:
            self.module.load_state_dict(state["module"])
            average.load_state_dict(state["average"])
            optimizer.load_state_dict(state["optimizer"])
            self.losses, self.seconds = list(state["losses"]), float(state["seconds"])
            say(f"{self.name}: {len(self.losses)} of {self.epochs} epochs are in the checkpoint")
            if self.remaining is not None:
                self.remaining.skip(self.name, len(self.losses))
        for epoch in range(len(self.losses), self.epochs):
            started = time.monotonic()
            self.losses.append(self._epoch(epoch, average, optimizer))
            self.seconds += time.monotonic() - started
            self.checkpoint.save(
                {
                    "module": self.module.state_dict(),
                    "average": average.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "losses": self.losses,
                    "seconds": self.seconds,
                }
            )
            said = "" if self.held_out is None else f", {self.held_out(average.eval())}"
            took = time.monotonic() - started
            say(
                f"{self.name}: epoch {epoch + 1} of {self.epochs}, loss {self.losses[-1]:.4f}{said}, {lasting(took)}"
                f"{self._left(took)}"
            )
        return average.eval()

    def _left(self, took: float) -> str:
        if self.remaining is None:
            return ""
        self.remaining.ended(self.name, took)
        left = self.remaining.seconds()
        return "" if not left else f"; training ends in about {lasting(left)}"

    def _epoch(self, epoch: int, average: nn.Module, optimizer: torch.optim.Optimizer) -> float:
        generator = seeded(self.seed, self.name, str(epoch))
        size = film_size(self.films.images.shape[2:], epoch, self.epochs)
        order = torch.randperm(len(self.films), generator=generator)
        steps = len(order) // self.batch or 1  # the rest waits for another epoch: batch norm dislikes small batches
        self.module.train()
        total = 0.0
        for number in track(range(steps), f"{self.name} {epoch + 1}/{self.epochs}", steps):
            chosen = order[number * self.batch : (number + 1) * self.batch]
            films = augment(resized(self.films.images[chosen], size), generator)
            films = films.contiguous(memory_format=torch.channels_last)
            done = epoch * steps + number
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * schedule(done, self.epochs * steps)
            loss = self.loss(films, self.answer(self.module, films), self.films.targets[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.module.parameters(), CLIP)
            optimizer.step()
            _blend(average, self.module, min(AVERAGE, (1 + done) / (10 + done)))
            total += loss.item()
        return total / steps


def seeded(seed: int, *names: str) -> torch.Generator:
    """A generator for one purpose; it also seeds torch's global one, which drop-out layers draw from."""
    number = int(sha256_bytes("\0".join([str(seed), *names]).encode())[:15], 16)
    torch.manual_seed(number)
    return torch.Generator().manual_seed(number)


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate at ``step``: a line up over the warm-up, then half a cosine down to zero."""
    rising = max(1, round(WARM_UP * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


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


@torch.no_grad()
def _blend(average: nn.Module, module: nn.Module, decay: float) -> None:
    """Move ``average`` towards ``module``; whole numbers (batch counters) are copied."""
    for kept, new in zip(average.state_dict().values(), module.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _groups(module: nn.Module) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels; none for biases and batch norms, which it would only push to zero."""
    wide = [p for p in module.parameters() if p.ndim > 1]
    flat = [p for p in module.parameters() if p.ndim <= 1]
    return [{"params": wide, "weight_decay": WEIGHT_DECAY}, {"params": flat, "weight_decay": 0.0}]


def epoch_costs(films: Films, epochs: int, per_pixel: float) -> list[float]:
    """What each epoch costs, in units of ``per_pixel``: early ones are on smaller films."""
    sizes = (film_size(films.images.shape[2:], epoch, epochs) for epoch in range(epochs))
    return [len(films) * height * width * per_pixel for height, width in sizes]


def say(line: str) -> None:
    """To whoever waits, on standard error."""
    print(line, file=sys.stderr, flush=True)
