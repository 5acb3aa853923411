"""Networks of our own, written anew from their papers: a file each, an import and a line in ``ARCHITECTURES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from cxredge.errors import InputError, nearest
from cxredge.students.ct_cnn import CtCnn, student_parts
from cxredge.students.eeea_net_c2 import EeeaNetC2, EeeaNetC2Exact, exact_parts, gradient_parts
from cxredge.students.parts import Parts


@dataclass(frozen=True)
class Architecture:
    """A network that maps float32[N, channels, H, W], normalised, to logits float32[N, outputs].

    words: what it is and which paper it is of, one line. network: its class. parts: what a student that computes the
    same is made of. side: of the square film that its paper feeds it. sized: whether its weights depend on the film's
    size (``recipe_student`` knows it, too), which class and parts then take last. least, most: of either side, in
    pixels, ``step`` pixels apart.
    """

    words: str
    network: Callable[..., nn.Module]
    parts: Callable[..., Parts]
    side: int
    sized: bool = False
    least: int = 32
    most: int = 1024
    step: int = 1

    def make(self, channels: int, outputs: int, size: tuple[int, int]) -> nn.Module:
        """A new network in training mode, its weights from torch's global generator: seed it first.

        size: (height, width) in pixels. Raises InputError STUDENT-SIZE.
        """
        self._check(size)
        return self.network(channels, outputs, size) if self.sized else self.network(channels, outputs)

    def student_parts(self, channels: int, size: tuple[int, int]) -> Parts:
        """``make`` of a student's parts."""
        self._check(size)
        return self.parts(channels, size) if self.sized else self.parts(channels)

    def _check(self, size: tuple[int, int]) -> None:
        for side, name in zip(size, ("height", "width"), strict=True):
            if not self.least <= side <= self.most or side % self.step:
                raise InputError(
                    "STUDENT-SIZE",
                    f"{self.words}: it cannot take a {name} of {side} pixels",
                    f"give films sides of {self.least} to {self.most} pixels, in steps of {self.step}",
                    [str(number) for number in self._nearest(side)],
                )

    def _nearest(self, side: int) -> list[int]:
        below = min(max(side // self.step * self.step, self.least), self.most)
        return sorted({below, min(below + self.step, self.most)} if side > below else {below})


ARCHITECTURES: Mapping[str, Architecture] = {
    "cxredge/eeea_net_c2": Architecture("EEEA-Net-C2 of arXiv 2305.06244", EeeaNetC2, gradient_parts, 224),
    "cxredge/eeea_net_c2_exact": Architecture(
        "EEEA-Net-C2 of arXiv 2305.06244 without its layer of 1280", EeeaNetC2Exact, exact_parts, 224
    ),
    "cxredge/ct_cnn": Architecture(
        "CT student of medRxiv 2025.11.23.25340844", CtCnn, student_parts, 32, sized=True, least=8, most=512, step=8
    ),
}


def get_architecture(name: str) -> Architecture:
    """The architecture called ``name``. Raises InputError STUDENT-UNKNOWN with the nearest names."""
    if name not in ARCHITECTURES:
        raise InputError(
            "STUDENT-UNKNOWN",
            f"there is no architecture {name!r}",
            "choose one of cxredge's own",
            nearest(name, ARCHITECTURES),
        )
    return ARCHITECTURES[name]
