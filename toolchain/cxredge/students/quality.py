"""The quality head: the log-odds that a film was exported or held wrongly, from the pooled features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cxredge.progress import track

STRENGTH = 0.01
"""scikit-learn's C of the multinomial logistic regression: with more features than films it must be held down."""
FLAT = 0.01
"""Of the mean spread, below which a feature's own is taken for no less: what hardly moves on films would weigh most."""
MOST_STEPS = 500
AT_ONCE = 4
"""Films."""


class Quality(nn.Module):
    """Log-odds of K accidents against an ordinary film, linear in the pooled features.

    forward: features float32[N, d, h, w], or float32[N, d] that are pooled -> float32[N, K].

    Multinomial logistic regression over the ordinary films and their accidents; log-odds are the logit of an accident
    minus that of an ordinary film. The standardisation of the features lies in weight and bias.

    Pooling stands inside, so that keeping this module in float keeps the pooled vector in float too.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, features: int, kinds: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(features, kinds))
        self.register_buffer("bias", torch.zeros(1, kinds))

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        pooled = features.mean((2, 3), keepdim=True).flatten(1) if features.ndim == 4 else features
        return torch.matmul(pooled, self.weight) + self.bias

    @property
    def fitted(self) -> bool:
        """Whether the weights are more than the zeros that they begin as."""
        return bool(self.weight.any())

    @classmethod
    def fitted_to(cls, classes: Sequence[Tensor]) -> Self:
        """A head that is fitted, see ``fit``, in evaluation mode."""
        made = cls(classes[0].shape[1], len(classes) - 1)
        made.fit(classes)
        return made.eval()

    def fit(self, classes: Sequence[Tensor]) -> None:
        """Set weight and bias by pooled features float32[n, d] of the ordinary films, then of each accident in turn.

        Minimises STRENGTH times the summed cross entropy plus half the squared norm of the weights, as scikit-learn's
        ``LogisticRegression`` does, in float64 and without a random number: the problem is convex.
        """
        seen = torch.cat(list(classes)).double()
        truth = torch.cat([torch.full((len(part),), at) for at, part in enumerate(classes)])
        mean, spread = seen.mean(0), seen.std(0, correction=0)
        spread = spread.clamp_min(FLAT * float(spread.mean()) or 1.0)
        weight, bias = _regression((seen - mean) / spread, truth, len(classes))
        weight = weight / spread[:, None]
        bias = bias - mean @ weight
        with torch.no_grad():
            self.weight.copy_(weight[:, 1:] - weight[:, :1])
            self.bias.copy_((bias[1:] - bias[:1])[None])


def _regression(features: Tensor, truth: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """float64[n, d] and class numbers int64[n] -> weights float64[d, classes] and biases float64[classes]."""
    weight = torch.zeros(features.shape[1], classes, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MOST_STEPS,
        tolerance_grad=1e-5,
        tolerance_change=1e-9,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        solver.zero_grad()
        entropy = torch.nn.functional.cross_entropy(features @ weight + bias, truth, reduction="sum")
        found = STRENGTH * entropy + weight.square().sum() / 2
        found.backward()
        return found

    with torch.enable_grad():
        solver.step(loss)
    return weight.detach(), bias.detach()


def by_parts(function: Callable[[Tensor], Tensor], images: NDArray[np.uint8], what: str) -> Tensor:
    """images uint8[N, ch, H, W] -> float32[N, d], a few at a time: larger batches leave the processor's cache.

    function: images float32[n, ch, H, W], 0..255, to float32[n, d]; called in several threads at once. what: names the
    bar on a terminal.

    As many parts run side by side as torch has threads, each in one: threads that share a small part wait for each
    other most of the time, and the bytes would depend on their number.
    """
    starts, threads = range(0, len(images), AT_ONCE), torch.get_num_threads()

    def part(at: int) -> Tensor:
        with torch.no_grad():  # it holds for a thread
            return function(torch.from_numpy(images[at : at + AT_ONCE]).float())

    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        return torch.cat(list(track(pool.map(part, starts), what, len(starts))))
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
