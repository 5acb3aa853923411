"""Whether a student answers as in evaluation: no module is left in training mode, and nothing is drawn by chance."""

from __future__ import annotations

import inspect
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

from cxredge.errors import InputError, some_of
from cxredge.targets.lowering_error import shown

if TYPE_CHECKING:
    from torch import Tensor

    from cxredge.students.base import Student

RANDOM = frozenset({"bernoulli", "bernoulli_", "normal", "normal_", "rand", "rand_like", "randint", "randint_like"})
MORE_RANDOM = frozenset({"multinomial", "randn", "randn_like", "randperm", "rrelu", "uniform_", "gumbel_softmax"})
TRAINED = ("batch_norm", "dropout", "instance_norm")
"""Parts of the names of functions with an argument for training mode."""


def check_modes(student: Student) -> None:
    """Raises InputError STUDENT-TRAINING, naming modules, when one of the student's is in training mode."""
    if student.training:
        raise InputError(
            "STUDENT-TRAINING",
            "the student is in training mode: batch statistics and dropout would be frozen into the artifact",
            "call student.eval() first",
        )
    left = [name for name, module in student.named_modules() if module.training]
    if left:
        raise InputError(
            "STUDENT-TRAINING",
            f"modules in training mode within a student in evaluation mode: {some_of(left)}",
            "call student.eval() last, and see that no module's train() keeps it from them",
        )


def evaluated(student: Student, images: Tensor) -> dict[str, Tensor]:
    """The student's answer. images: float32[N, ch, H, W].

    Raises InputError STUDENT-TRAINING, naming operator, module and source line, when an operator works as in training
    all the same (``functional.dropout`` without its last argument, a batch norm without statistics), or draws numbers.
    """
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._pytree import tree_leaves

    # kept alive: another tensor could get the number of one that is gone
    seen: dict[int, Tensor] = {id(images): images}

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name, given = str(getattr(func, "__name__", "")), kwargs or {}
            # kernels may be standardised by a batch norm of themselves, which no other image changes
            of_image = any(id(value) in seen for value in tree_leaves((args, given)))
            trains = of_image and any(part in name for part in TRAINED) and _trains(func, args, given)
            if name in RANDOM | MORE_RANDOM or trains:
                raise _refusal(name, student, sys._getframe(1))
            made = func(*args, **given)
            if of_image:
                seen.update((id(value), value) for value in tree_leaves(made) if isinstance(value, torch.Tensor))
            return made

    with torch.no_grad(), Watch():
        outputs: dict[str, Tensor] = student(images)
    return outputs


def _trains(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    try:
        bound = inspect.signature(func).bind(*args, **kwargs)
    except ValueError:  # one of torch's own without a signature: (input, p, train)
        return "dropout" in func.__name__ and bool(kwargs.get("train", args[2:] and args[2]))
    bound.apply_defaults()
    given = bound.arguments
    if "use_input_stats" in given:
        # an instance norm has no other statistics, and they are of one image
        return False
    return bool(given.get("training")) and given.get("p", 1) != 0


def _refusal(operator: str, student: Student, frame: FrameType | None) -> InputError:
    """Of ``operator``, which ``frame`` calls."""
    from torch import nn

    names = {id(module): name for name, module in student.named_modules()}
    module = place = ""
    while frame is not None and not (module and place):
        owner = frame.f_locals.get("self")
        if not module and isinstance(owner, nn.Module) and id(owner) in names:
            module = f"{names[id(owner)]} ({type(owner).__name__})"
        if not place and "/torch/" not in frame.f_code.co_filename:
            place = f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return InputError(
        "STUDENT-TRAINING",
        f"operator {operator} in module {module} at {place} works as in training although the student is in evaluation "
        "mode: its answer would depend on chance or on the other images",
        "pass it training=self.training, or leave it out",
    )
