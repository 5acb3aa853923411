"""Weights in float16: a student is rounded before it is measured, and from then on is what its file holds.

Widened again, as reading does, they are the float32 reference itself: nothing is lost between file and figures.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cxredge.errors import InputError

KEPT = 2.0**-10
"""Largest relative error: twice what rounding does to a number that float16 holds whole."""


def rounded(student: nn.Module) -> dict[str, Tensor]:
    """Round a student's weights in place; returns what is written of them, float16 but for what that would lose.

    Of a kernel, whose values are added up, an error counts against the largest; of a vector, each of whose values is a
    channel's own, against that value. So variances of channels that went to sleep, and what is beyond float16, stay
    float32, the whole tensor; whole numbers stay what they are. Raises InputError WEIGHTS-NAN.
    """
    state = {}
    with torch.no_grad():
        for key, tensor in sorted(student.state_dict().items()):
            if not bool(torch.isfinite(tensor).all()):
                raise InputError(
                    "WEIGHTS-NAN", f"{key} holds NaN or infinity after the training", "lower the learning rate"
                )
            state[key] = half = _half(tensor)
            # a state's tensors are the student's own
            tensor.copy_(half)
    return state


def _half(tensor: Tensor) -> Tensor:
    """In float16 where that keeps it, else as it is; a copy, one number behind the other."""
    if not tensor.is_floating_point():
        return tensor.clone().contiguous()
    half = tensor.half()
    allowed = KEPT * (tensor.abs().max() if tensor.dim() > 1 else tensor.abs())
    keeps = bool(((half.float() - tensor).abs() <= allowed).all())
    return (half if keeps else tensor.clone()).contiguous()
