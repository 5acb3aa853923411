"""A trained network with channels cut away until it has a wanted number of parameters: structured pruning."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING

import torch

from cxredge.baselines.pruner import check_pruner
from cxredge.errors import InputError, first_line

if TYPE_CHECKING:
    from cxredge.students.backbone_student import BackboneStudent

TOLERANCE = 0.05
"""How far the number of parameters may be from the wanted one, as a share of it."""
GOOD = 0.01
"""As near as is looked for."""
TRIES = 10


def parameters(model: torch.nn.Module) -> int:
    """All of a model."""
    return sum(p.numel() for p in model.parameters())


def pruned(model: BackboneStudent, wanted: int, shape: tuple[int, int, int], named: str) -> BackboneStudent:
    """A copy of ``model`` with about ``wanted`` parameters, on the CPU, to be trained on.

    Every layer of the backbone loses the same share of its channels, those whose kernels are smallest (L2 norm, over
    all layers that a channel passes; Fang et al., "DepGraph", CVPR 2023), in one step; the outputs stay. shape: of a
    film, channels, height and width. named: what the model is called where it is refused.
    Raises InputError BASELINES-PRUNE, EnvironmentProblem BASELINES-PACKAGE.
    """
    whole = parameters(model)
    # parameters go with the square of the channels
    low, high, share = 0.0, 1.0, 1 - (wanted / whole) ** 0.5
    best: BackboneStudent | None = None
    for _ in range(TRIES):
        found = _cut(model, share, shape, named)
        if best is None or abs(parameters(found) - wanted) < abs(parameters(best) - wanted):
            best = found
        if abs(parameters(best) - wanted) <= GOOD * wanted:
            break
        low, high = (share, high) if parameters(found) > wanted else (low, share)
        share = (low + high) / 2
    assert best is not None, "it was tried"
    if abs(parameters(best) - wanted) > TOLERANCE * wanted:
        raise _refused(named, f"of {whole:,} parameters {parameters(best):,} are left, and {wanted:,} are wanted")
    return best


def _cut(model: BackboneStudent, share: float, shape: tuple[int, int, int], named: str) -> BackboneStudent:
    check_pruner()
    import torch_pruning

    cut = copy.deepcopy(model).to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    film = torch.zeros(1, *shape)
    try:
        before = _shapes(cut, film)
        with warnings.catch_warnings(), torch.enable_grad():
            # of parameters that lie in no layer; their last side of more than one number is their channels here
            warnings.simplefilter("ignore")
            pruner = torch_pruning.pruner.BasePruner(
                cut,
                film,
                importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
                pruning_ratio=share,
                ignored_layers=list(cut.head.modules()),
            )
            pruner.step()
        after = _shapes(cut, film)
    except Exception as error:  # whatever foreign code says of a network that it cannot follow
        raise _refused(named, first_line(error)) from error
    if before != after:
        raise _refused(named, "its outputs have other shapes afterwards")
    return cut


@torch.no_grad()
def _shapes(model: BackboneStudent, film: torch.Tensor) -> dict[str, torch.Size]:
    return {name: found.shape for name, found in model(film).items()}


def _refused(named: str, why: str) -> InputError:
    return InputError(
        "BASELINES-PRUNE",
        f"{named} cannot be pruned to the student's size: {why}",
        "compare a recipe whose teacher is an ordinary convolutional network, larger than the student",
    )
