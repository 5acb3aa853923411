"""Losses of where a student looks: of its maps and features, beside a teacher's or beside masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from cxredge.distill.correlation import correlation
from cxredge.distill.loss_batch import Batch, both, chances, loss, output
from cxredge.distill.mask_loss import mask_loss
from cxredge.errors import InputError


@loss("attention")
def attention(
    batch: Batch, of: Literal["features", "cam"] = "features", power: Annotated[float, Field(gt=0)] = 2.0
) -> Tensor:
    """Squared distance of the two attention maps, each of length 1; its mean over films, within 0..2.

    Zagoruyko & Komodakis, "Paying More Attention to Attention" (ICLR 2017), activation-based: a film's map is the sum
    over channels of |activation|^power, at the student's resolution. ``of`` the last features, whose channels may be
    other ones in the teacher, or of the class activation maps. Raises InputError LOSS-MAPS: maps of one cell.
    """
    own, other = both(batch, of)
    return attention_distance(own, other, power)


def attention_distance(own: Tensor, other: Tensor, power: float = 2.0) -> Tensor:
    """own float32[N, d, h, w], other float32[N, e, k, l] -> scalar: see ``attention``."""
    own, other = (_attention(maps, power) for maps in (own, other))
    _check_cells("attention", _common(own, other))
    if other.shape != own.shape:
        other = F.interpolate(other[:, None], size=own.shape[1:], mode="bilinear", antialias=True)[:, 0]
    own, other = (F.normalize(x.flatten(1), dim=1) for x in (own, other))
    return (own - other).square().sum(1).mean()


def _attention(maps: Tensor, power: float) -> Tensor:
    """float32[N, d, h, w] -> float32[N, h, w]."""
    return maps.abs().pow(power).sum(1)


@loss("cam")
def cam(batch: Batch) -> Tensor:
    """Where student and teacher look for each label: p (1 - r), its mean over films and labels, within 0..2.

    After Zhang et al., "Knowledge Distillation from Single to Multi Labels: an Empirical Study" (arXiv 2303.08360),
    who distil class activation maps; of each map only its form counts here. r is the mean over cells of the product of
    both maps, each standardised over its cells (mean 0, variance 1), hence their correlation, and p the teacher's
    sigmoid (softmax of exclusive classes) at temperature 1: a finding that the teacher does not see has no place. The
    larger map is brought to the size of the smaller. A map that is the same everywhere has no form, and counts 0.
    Raises InputError LOSS-MAPS: maps of one cell.
    """
    own, other = both(batch, "cam")
    size = _common(own, other)
    _check_cells("cam", size)
    own, other = (
        maps if list(maps.shape[2:]) == size else F.interpolate(maps, size=size, mode="bilinear", antialias=True)
        for maps in (own, other)
    )
    seen = chances(batch.teacher["logits"], batch.kind)
    return (seen * (1 - correlation(own.flatten(2), other.flatten(2)))).mean()


@loss("masks", masks=True)
def masks(batch: Batch) -> Tensor:
    """``mask_loss`` of the student's maps, of findings that the films tell, have, and have masks of.

    Raises InputError LOSS-OUTPUT (no maps) or LOSS-MAPS (maps of one cell).
    """
    own = output(batch.student, "cam", "student")
    _check_cells("masks", own.shape[2:])
    assert batch.masks is not None, "asked for by its registration"
    return mask_loss(own, batch.masks, batch.targets > 0.5)


def _common(own: Tensor, other: Tensor) -> list[int]:
    """Rows and columns that both maps have."""
    return [min(a, b) for a, b in zip(own.shape[-2:], other.shape[-2:], strict=True)]


def _check_cells(name: str, size: Sequence[int]) -> None:
    """Raises InputError LOSS-MAPS: a map of one cell."""
    if math.prod(size) < 2:
        raise InputError(
            "LOSS-MAPS",
            f"the loss {name} compares where maps are high and low, and the smaller of the two has one cell",
            "take larger films (a cell is 32 pixels wide in most backbones), or leave the loss out",
        )
