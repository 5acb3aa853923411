"""The processes of one training: one alone, or those that ``torchrun`` started, on one machine or several.

All of them walk the same steps in the same order. What must be the same everywhere is agreed on here: sums, whether to
stop, and the first process's bytes. Without ``torchrun`` nothing is sent anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import Tensor, nn

from cxredge.distill.freed_memory import keep_freed_memory
from cxredge.errors import EnvironmentProblem, counted, first_line, printable

PATIENCE = timedelta(hours=2)
"""How long the others wait while one reads films or validates."""


@dataclass(frozen=True)
class Processes:
    """This process among all: ``rank`` of ``world``, and ``local_rank`` of the ``local_world`` on this machine.

    autocast: the type in which networks compute where the device has it (bfloat16 on GPUs that do); None: float32.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    autocast: torch.dtype | None = None

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks and writes."""
        return self.rank == 0

    @property
    def words(self) -> str:
        """For people: how many processes, on what, in which numbers."""
        numbers = "float32" if self.autocast is None else str(self.autocast).removeprefix("torch.")
        return f"{counted(self.world, 'process')} on {self.device.type}, {numbers}"

    def computing(self) -> AbstractContextManager[object]:
        """Within it networks compute in ``autocast``."""
        return nullcontext() if self.autocast is None else torch.autocast(self.device.type, self.autocast)

    def parallel(self, module: nn.Module) -> nn.Module:
        """``module`` with gradients that are the mean over all processes; running statistics are the first one's."""
        if self.world == 1:
            return module
        from torch.nn.parallel import DistributedDataParallel

        places = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=places)

    @contextmanager
    def together(self, net: nn.Module, last: bool) -> Iterator[None]:
        """Around a pass forwards and backwards: gradients are exchanged in the ``last`` of a step alone.

        Raises EnvironmentProblem DISTILL-PROCESSES.
        """
        held_back: AbstractContextManager[object] = nullcontext()
        if self.world > 1 and not last:
            held_back = net.no_sync()  # type: ignore[operator]
        with _heard(), held_back:
            yield

    def total(self, numbers: list[float]) -> list[float]:
        """Each number's sum over all processes, float64."""
        if self.world == 1:
            return numbers
        found = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        with _heard():
            torch.distributed.all_reduce(found)
        told: list[float] = found.tolist()
        return told

    def from_first(self, data: bytes | None) -> bytes | None:
        """What the first process gives, in all of them."""
        if self.world == 1:
            return data
        held = [data]
        with _heard():
            torch.distributed.broadcast_object_list(held, src=0, device=self.device)
        return held[0]

    def share(self, tensors: list[Tensor]) -> None:
        """Make ``tensors`` everywhere what they are in the first process."""
        if self.world > 1:
            with _heard():
                for tensor in tensors:
                    torch.distributed.broadcast(tensor, src=0)

    def wait(self) -> None:
        """Until all processes are here."""
        self.total([0.0])

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """The machine's first process runs the block before its others do: what it makes, they find."""
        if self.local_rank:
            self.wait()
        yield
        if not self.local_rank:
            self.wait()


@contextmanager
def started() -> Iterator[Processes]:
    """The processes that ``torchrun`` started, or this one alone.

    Raises EnvironmentProblem DISTILL-PROCESSES where they do not find each other, or one of them has died.
    """
    keep_freed_memory()
    world, local = _told("WORLD_SIZE", 1), _told("LOCAL_RANK", 0)
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    autocast = torch.bfloat16 if gpu and torch.cuda.is_bf16_supported(including_emulation=False) else None
    if world == 1:
        yield Processes(device=device, autocast=autocast)
        return
    if gpu:
        torch.cuda.set_device(device)
    with _heard():
        try:
            torch.distributed.init_process_group("nccl" if gpu else "gloo", timeout=PATIENCE)
        except ValueError as error:  # what torchrun tells processes is missing
            raise _refused(first_line(error)) from error
    local_world = _told("LOCAL_WORLD_SIZE", world)
    try:
        yield Processes(torch.distributed.get_rank(), world, local, local_world, device, autocast)
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def _heard() -> Iterator[None]:
    """Says in our words that another process is not to be heard, which Gloo says as a RuntimeError of many texts."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.distributed.DistError) and "gloo" not in str(error).lower():
            raise
        why = re.sub(r"^\[[^]]*\] *", "", first_line(error, None))  # a place in the library's own source
        raise EnvironmentProblem(
            "DISTILL-PROCESSES",
            f"another process of this training has ended, or was not found: {why[:200]}",
            "look at the first error above; the same command goes on from the last checkpoint",
        ) from error


def _told(name: str, default: int) -> int:
    """A whole number that ``torchrun`` puts into the environment."""
    said = os.environ.get(name, str(default))
    if not said.isdecimal():
        raise _refused(f"{name} is {printable(said)!r}, and no number")
    return int(said)


def _refused(why: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        "DISTILL-PROCESSES",
        f"the environment speaks of several processes, and not as torchrun does: {why}",
        "start them with torchrun, or unset WORLD_SIZE for one alone",
    )
