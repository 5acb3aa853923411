"""Which films a loss that is no number comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from cxredge.errors import InputError, printable, some_of


def not_finite(
    name: str, epoch: int, step: int, said: Sequence[tuple[Tensor, Mapping[str, Tensor]]], films: Sequence[str]
) -> InputError:
    """InputError DISTILL-NAN of a training, for its epoch and step, counted from 0.

    said: groups of films that passed the network together, int64[n] rows, and the answers. films: names by row. Where
    some films alone have answers that are no numbers, it is these; else nobody can tell them apart (batch norm mixes a
    group's films), and all of the step's are named.
    """
    rows = [int(place) for places, _ in said for place in places]
    bad = [
        int(place)
        for places, outputs in said
        for place, whole in zip(places, outputs["logits"].isfinite().all(1), strict=True)
        if not whole
    ]
    found = bad if bad and len(bad) < len(rows) else rows
    which = some_of([printable(films[row]) for row in found])
    return InputError(
        "DISTILL-NAN",
        f"{name}: the loss or its gradient is no finite number in step {step + 1} of epoch {epoch + 1}, on {which}",
        "look at these films, and the same command goes on from the last checkpoint, which is from before; or lower "
        "the learning rate, with which this training starts anew",
    )
