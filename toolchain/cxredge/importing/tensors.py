"""Tensors of a stranger's state dict as float32 that a network can take; what cannot be one exactly is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cxredge.errors import InputError, printable, some_of
from cxredge.students import MAX_BYTES

if TYPE_CHECKING:
    from torch import Tensor

FLOAT_BYTES = 4
MAX_NUMBERS = MAX_BYTES // FLOAT_BYTES
"""Of a state dict: what a student's file of weights can hold."""
AS_FLOAT32 = "save the network as float32: network.float().state_dict()"


def usable(found: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """Contiguous tensors of their own: float32 for any floating kind up to it, integers and bool as they are.

    found: as read, of any kind. what: the state dict, in a message's words. float16 and bfloat16 become float32
    exactly (every value of theirs is one of its). Raises InputError IMPORT-TENSOR for complex, sparse, quantised,
    double and other kinds, and for tensors without numbers; IMPORT-LIMIT.
    """
    import torch

    for key, tensor in found.items():
        if (why := _unfit(tensor)) is not None:
            raise InputError("IMPORT-TENSOR", f"{what}: {printable(key)} {why[0]}", why[1])
    numbers = 0
    for key, tensor in found.items():
        numbers += tensor.numel()
        if numbers > MAX_NUMBERS:
            raise InputError(
                "IMPORT-LIMIT",
                f"{what}: with {printable(key)} {list(tensor.shape)} it has {numbers:,} numbers; "
                f"{MAX_NUMBERS:,} are read",
                "name a student's weights: a phone holds no more",
            )
    return {
        key: tensor.detach().to(torch.float32 if tensor.is_floating_point() else tensor.dtype).contiguous()
        for key, tensor in found.items()
    }


def check_finite(taken: Mapping[str, Tensor], what: str) -> None:
    """Raises InputError IMPORT-NAN where tensors that a network takes hold NaN or infinity.

    Those that it does not take may: torchxrayvision's operating points are NaN where there is none.
    """
    import torch

    broken = [key for key, tensor in taken.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise InputError(
            "IMPORT-NAN",
            f"{what}: NaN or infinity in {some_of([printable(key) for key in broken])}",
            "take a checkpoint from before the training broke; do not ship this",
        )


def halves(found: Mapping[str, Tensor], what: str) -> str | None:
    """A note on tensors that are taken as float32, or None."""
    import torch

    kinds = {torch.float16: 0, torch.bfloat16: 0}
    for tensor in found.values():
        if tensor.dtype in kinds:
            kinds[tensor.dtype] += 1
    told = [f"{count} {_name(kind)}" for kind, count in kinds.items() if count]
    return f"{what}: {' and '.join(told)} tensors are taken as float32, exactly" if told else None


def _unfit(tensor: Tensor) -> tuple[str, str] | None:
    """Why a tensor cannot be taken, and what to do."""
    import torch

    if tensor.device.type == "meta":
        return "has no numbers: it lies on the device meta", "save the network after its weights were loaded"
    if tensor.is_quantized:
        return f"is quantised ({_name(tensor.dtype)})", "save the network from before it was quantised, in float32"
    if tensor.layout != torch.strided or tensor.is_nested:
        return f"is sparse ({_name(tensor.layout)})", "save it as a dense tensor: tensor.to_dense()"
    if tensor.is_complex():
        return f"holds complex numbers ({_name(tensor.dtype)})", "name a network of real numbers"
    if tensor.dtype == torch.float64:
        return "is float64, and phones compute in float32", AS_FLOAT32
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        return f"is {_name(tensor.dtype)}", AS_FLOAT32
    return None


def _name(kind: object) -> str:
    return str(kind).removeprefix("torch.")
