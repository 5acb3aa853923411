"""One training: AdamW, one warm-up and a cosine, an average of the weights, and checkpoints between steps.

Everything random comes from a seed made of the recipe's seed, the training's name and the number of the epoch, the step
or the group of films, and the learning rate from the step's number: so the state between two steps is the weights, the
optimizer's moments and the step's number, and a resumed training takes the same course as an uninterrupted one.

A step is one batch, of the same films whatever the number of processes. It is cut into groups of films that pass the
network together, over which batch norm takes its statistics; the processes share the groups.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from cxredge.distill.checkpoint import CheckpointFile
from cxredge.distill.not_finite import not_finite
from cxredge.distill.optimizing import blend, parameter_groups, schedule
from cxredge.distill.processes import Processes
from cxredge.distill.remaining import Remaining, lasting
from cxredge.distill.saying import say
from cxredge.distill.training_log import Epoch, TrainingLog
from cxredge.distill.views import Sample, View, Views
from cxredge.errors import InputError, counted
from cxredge.interruption import undisturbed, waiting
from cxredge.progress import track
from cxredge.recipe_distillation import Course

M = TypeVar("M", bound=nn.Module)
Answers = Mapping[str, Tensor]
"""All outputs of a module, by name."""
Loss = Callable[[Sample, Answers], Mapping[str, Tensor]]
"""What a module answered to films -> the terms of the loss, weighted, by name: scalars."""

CLIP = 5.0
"""Largest norm of the gradient."""
EVERY = 120.0
"""Seconds between two checkpoints within an epoch."""
FEWEST = 2
"""Films that batch norm can take statistics of."""


@dataclass
class _Place:
    """How far a training has come."""

    history: list[Epoch] = field(default_factory=list)
    step: int = 0
    """Steps of the epoch that is under way."""
    sums: Counter[str] = field(default_factory=Counter)
    """Of each term over these steps."""
    seconds: float = 0.0
    best: dict[str, Any] | None = None
    """The average of the epoch with the best val AUC so far, where a training may stop early."""


class _Answering(nn.Module):
    """What a module answers, as one module: only what passes through it is exchanged among processes."""

    def __init__(self, module: nn.Module, answer: Callable[[Any, Tensor], Answers]) -> None:
        super().__init__()
        self.module = module
        self.answer = answer

    def forward(self, films: Tensor) -> dict[str, Tensor]:
        """See the class."""
        return dict(self.answer(self.module, films))


@dataclass
class Training(Generic[M]):
    """What to train, and how. ``module`` is changed in place."""

    name: str
    module: M
    views: Views
    loss: Loss
    course: Course
    checkpoint: CheckpointFile
    log: TrainingLog
    processes: Processes = field(default_factory=Processes)
    answer: Callable[[M, Tensor], Answers] = lambda module, films: module(films)
    held_out: Callable[[M], float | None] | None = None
    """The mean AUC of the averaged module on films that it does not train on, after each epoch."""
    prepare: Callable[[View], object] | None = None
    """What to do before an epoch in this view."""
    remaining: Remaining | None = None
    history: list[Epoch] = field(default_factory=list)
    """Each epoch so far."""
    kept_epoch: int | None = None
    """Whose weights ``run`` gave, where that need not be the last one's."""

    def run(self) -> M:
        """Train from the checkpoint, or the start, to the last epoch; returns the averaged module, in eval mode.

        Raises InputError DISTILL-NAN, DISTILL-SHARE (more processes than a batch can be shared by) or
        DISTILL-CHECKPOINT, EnvironmentProblem DISTILL-PROCESSES or DISK-*.
        """
        self._check_share()
        # channels last: the faster layout on a CPU
        self.module.to(self.processes.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = copy.deepcopy(self.module)
        optimizer = torch.optim.AdamW(parameter_groups(self.module), lr=self.course.learning_rate)
        place = self._resumed(average, optimizer)
        net = self.processes.parallel(_Answering(self.module, self.answer))
        while len(place.history) < self.course.epochs and not self._early(place):
            started = time.monotonic()
            self._epoch(place, net, average, optimizer)
            self._save(place, average, optimizer)  # validating may take long
            # running statistics are each process's own, of which the first one's count
            self.processes.share(list(average.state_dict().values()))
            self._end_epoch(place, average.eval(), optimizer)
            self._save(place, average, optimizer)
            self._say(place, time.monotonic() - started)
        self.history = place.history
        if place.best is not None:
            average.load_state_dict(place.best["average"])
            self.kept_epoch = place.best["epoch"]
        return average.eval()

    @property
    def steps(self) -> int:
        """Of an epoch. The rest of the films waits for another: batch norm dislikes small batches."""
        return len(self.views.films) // self.course.batch or 1

    def _check_share(self) -> None:
        batch = min(self.course.batch, len(self.views.films))
        if batch // self._cuts(batch) < FEWEST:
            raise InputError(
                "DISTILL-SHARE",
                f"{self.name}: a batch of {batch} films leaves some of {counted(self.processes.world, 'process')} "
                f"fewer than {FEWEST} at a time, of which batch norm can take no statistics",
                "start fewer processes, or raise distill.batch or distill.micro_batch",
            )

    def _cuts(self, batch: int) -> int:
        """Groups that a batch is cut into: one a process, or more where one may not take so many films at once."""
        most = self.course.micro_batch or batch
        return max(self.processes.world, math.ceil(batch / most))

    def _resumed(self, average: nn.Module, optimizer: torch.optim.Optimizer) -> _Place:
        data = self.processes.from_first(self.checkpoint.read() if self.processes.first else None)
        if data is None:
            return _Place()
        state = self.checkpoint.parse(data)
        self.module.load_state_dict(state["module"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        history = [Epoch(**told) for told in state["history"]]
        within = f" and {counted(state['step'], 'step')}" if state["step"] else ""
        self._tell(
            f"{self.name}: {len(history)} of {counted(self.course.epochs, 'epoch')}{within} are in the checkpoint"
        )
        if self.remaining is not None:
            self.remaining.skip(self.name, len(history))
        return _Place(history, state["step"], Counter(state["sums"]), state["seconds"], state["best"])

    def _save(self, place: _Place, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        if self.processes.first:
            self.checkpoint.save(
                {
                    "module": self.module.state_dict(),
                    "average": average.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "history": [asdict(epoch) for epoch in place.history],
                    "step": place.step,
                    "sums": dict(place.sums),
                    "seconds": place.seconds,
                    "best": place.best,
                }
            )

    def _epoch(self, place: _Place, net: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        epoch = len(place.history)
        view, order = self.views.of(epoch), self.views.order(epoch)
        if self.prepare is not None:
            self.prepare(view)
        self.module.train()
        saved = time.monotonic()
        for step in self._shown(range(place.step, self.steps), epoch):
            started = time.monotonic()
            with undisturbed():  # a stop waits for the step's end, so that nothing of it is lost
                chosen = order[step * self.course.batch : (step + 1) * self.course.batch]
                told, stop = self._step(epoch, step, view, chosen, net, optimizer)
                done = epoch * self.steps + step
                blend(average, self.module, done)
                place.sums.update(told)
                place.step = step + 1
                place.seconds += time.monotonic() - started
                if stop or time.monotonic() - saved > EVERY:
                    self._save(place, average, optimizer)
                    saved = time.monotonic()
                if stop and not waiting():
                    raise KeyboardInterrupt  # another process was told to stop

    def _step(
        self, epoch: int, step: int, view: View, chosen: Tensor, net: nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[dict[str, float], bool]:
        """Each term of the loss over the whole batch, and whether any process was told to stop."""
        for group in optimizer.param_groups:
            group["lr"] = self._rate(epoch * self.steps + step)
        optimizer.zero_grad(set_to_none=True)
        groups = chosen.tensor_split(self._cuts(len(chosen)))
        mine = range(self.processes.rank, len(groups), self.processes.world)
        sums: dict[str, Tensor] = {}
        for at in mine:
            share = len(groups[at]) / len(chosen)
            self.views.seed_step(epoch, step, at)
            with self.processes.together(net, last=at == mine[-1]):
                terms = self._terms(net, self.views.sample(view, groups[at], self.processes.device))
                # the mean over processes, which is what they exchange, is to be the sum
                (sum(terms.values(), start=torch.zeros(())) * share * self.processes.world).backward()
            for name, term in terms.items():
                sums[name] = sums.get(name, 0) + term.detach() * share
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), CLIP)
        *told, size = torch.stack([*sums.values(), norm]).tolist()
        *told, stop = self.processes.total([*told, float(waiting())])
        if not all(map(math.isfinite, (*told, size))):
            self._refuse(epoch, step, view, [groups[at] for at in mine], net)
        optimizer.step()
        return dict(zip(sums, told, strict=True)), stop > 0

    def _terms(self, net: nn.Module, sample: Sample) -> dict[str, Tensor]:
        with self.processes.computing():
            outputs = net(sample.films)
        return dict(self.loss(sample, {name: output.float() for name, output in outputs.items()}))

    def _refuse(self, epoch: int, step: int, view: View, groups: list[Tensor], net: nn.Module) -> None:
        """Raises InputError DISTILL-NAN with the films of this process that it comes from, as far as can be told."""
        films, device = self.views.films, self.processes.device
        with torch.no_grad(), self.processes.computing():
            said = [
                (places, self.answer(self.module, self.views.sample(view, places, device).films)) for places in groups
            ]
        raise not_finite(self.name, epoch, step, said, films.names)

    def _rate(self, done: int) -> float:
        return self.course.learning_rate * schedule(done, self.course.epochs * self.steps)

    def _end_epoch(self, place: _Place, average: M, optimizer: torch.optim.Optimizer) -> None:
        """Close the epoch: its means, its val AUC, and whether it is the best so far."""
        area: float | None = None
        if self.held_out is not None:
            # one process's word: two GPUs might differ in the last bit, and one stop where the other goes on
            found = json.dumps(self.held_out(average)).encode() if self.processes.first else None
            area = json.loads(self.processes.from_first(found) or b"null")
        parts = {name: value / self.steps for name, value in place.sums.items()}
        films = self.steps * min(self.course.batch, len(self.views.films))
        ended = Epoch(
            loss=sum(parts.values()),
            rate=float(optimizer.param_groups[0]["lr"]),
            seconds=place.seconds,
            films_per_second=films / max(place.seconds, 1e-9),
            val_auc=area,
            parts=parts,
        )
        place.history.append(ended)
        place.step, place.sums, place.seconds = 0, Counter(), 0.0
        better = place.best is None or (area is not None and area > place.best["val_auc"])
        if self.course.patience is not None and area is not None and better:
            state = {name: value.clone() for name, value in average.state_dict().items()}
            place.best = {"val_auc": area, "epoch": len(place.history), "average": state}
        if self.processes.first:
            self.log.write(place.history)

    def _early(self, place: _Place) -> bool:
        """Whether val AUC has not risen for as many epochs as the recipe has patience for."""
        patience, best = self.course.patience, place.best
        if patience is None or best is None or len(place.history) - best["epoch"] < patience:
            return False
        self._tell(f"{self.name}: val AUC has not risen since epoch {best['epoch']}, whose weights are kept")
        return True

    def _say(self, place: _Place, took: float) -> None:
        last = place.history[-1]
        said = ""
        if self.held_out is not None:
            said = ", no AUC on val: too few films" if last.val_auc is None else f", val AUC {last.val_auc:.3f}"
        left = ""
        if self.remaining is not None:
            self.remaining.ended(self.name, took)
            seconds = self.remaining.seconds()
            left = f"; training ends in about {lasting(seconds)}" if seconds else ""
        whole = f"{len(place.history)} of {self.course.epochs}"
        self._tell(f"{self.name}: epoch {whole}, loss {last.loss:.4f}{said}, {lasting(took)}{left}")

    def _shown(self, steps: range, epoch: int) -> Iterator[int]:
        what = f"{self.name} {epoch + 1}/{self.course.epochs}"
        return track(steps, what, len(steps)) if self.processes.first else iter(steps)

    def _tell(self, line: str) -> None:
        if self.processes.first:
            say(line)
