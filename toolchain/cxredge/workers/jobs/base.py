"""What all jobs are: frozen records that do their own work, in whatever process they are read."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from cxredge.vocabulary import Frozen

T = TypeVar("T")
IMAGES = "images.npy"
"""Preprocessed pixels, uint8[N, ch, H, W], in the folder of their films."""
PICTURES_DIGEST = "pictures.sha256"
"""Beside them: names the pictures and their order."""


class Desk:
    """What a worker process has at hand: where it says how far it is, scratch space, and what its jobs share."""

    def __init__(self, work: Path, say: Callable[[str], None]) -> None:
        self.work = work
        self.say = say
        self._made: dict[Hashable, object] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gave when this process first asked for ``key``."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]  # one key, one kind of thing

    def single_thread(self) -> None:
        """Sums in an order that does not depend on the number of threads: the bytes must not either."""
        import torch

        torch.set_num_threads(1)


class Job(Frozen):
    """One piece of work, whole or failed.

    name: in words, and unique among jobs that run together. out: the folder that gets the results and nothing else.
    after: names of jobs that must have ended well before.
    """

    name: str
    out: str
    after: tuple[str, ...] = ()

    @property
    def place(self) -> Path:
        """``out`` as a path."""
        return Path(self.out)

    @abstractmethod
    def do(self, desk: Desk) -> None:
        """Do the work. Raises CxrError for what is expected to fail."""


class Clock:
    """Seconds since it was made, in words."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __str__(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"
