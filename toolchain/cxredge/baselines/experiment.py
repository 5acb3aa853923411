"""One seed and one part of the films: every way trained and asked, or found as an earlier run kept it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cxredge.baselines.baselines_record import Way
from cxredge.baselines.bytes_by_count import float_bytes, int8_bytes
from cxredge.baselines.held_out import Part
from cxredge.baselines.in_int8 import calibration_films, logits_in_int8
from cxredge.baselines.kept_answers import NAME, AnswersFile, WayAnswers
from cxredge.baselines.pruner import PACKAGE
from cxredge.baselines.pruning import parameters, pruned
from cxredge.distill.checkpoint import CheckpointFile, fingerprint
from cxredge.distill.evaluate import answers
from cxredge.distill.loss_terms import looks_at_masks, weighted
from cxredge.distill.pretraining import to_imitate
from cxredge.distill.processes import Processes
from cxredge.distill.rehearsal import rehearse
from cxredge.distill.remaining import Remaining
from cxredge.distill.roles import Taught, Trained, Trainings, one_size, time_left, untrained, with_features
from cxredge.distill.saying import say
from cxredge.distill.splits import SPLITS, Splits, check_masks, read_films, with_masks
from cxredge.distill.teachers import all_teachers, digest_of, load_first, load_further
from cxredge.files import canonical_json, sha256_bytes
from cxredge.recipe_distillation import Distillation, LossTerm, Role
from cxredge.stages import installed
from cxredge.students.half_weights import rounded

if TYPE_CHECKING:
    from cxredge.recipe import Recipe
    from cxredge.students.backbone_student import BackboneStudent

ROLES: dict[Way, Role] = {
    "teacher": "teacher",
    "distilled": "student",
    "hard labels": "student",
    "pruned": "student",
    "quantised teacher": "teacher",
}
"""Whose epochs, batch and learning rate each way has."""
HARD = (LossTerm(loss="hard"),)


@dataclass(frozen=True)
class Experiment:
    """recipe: with the seed of its trainings, and without heads for novelty and quality. beside: the recipe's folder.

    folder: of the trainings. title: what the experiment is called, before each of its lines.
    """

    recipe: Recipe
    plan: Distillation
    beside: Path
    part: Part
    folder: Path
    processes: Processes
    title: str

    @cached_property
    def splits(self) -> Splits:
        """The part's films, preprocessed; those of train with masks where a loss looks at them."""
        train, val, test = (read_films(self.recipe, split, self.part.films[split]) for split in SPLITS)
        if looks_at_masks(self.plan.terms):
            data = self.part.data()
            check_masks(data)
            train = with_masks(self.recipe, data, "train", train)
        return Splits(train, val, test, used={}, excluded={})

    def run(self, ways: Sequence[Way], fresh: bool) -> dict[Way, WayAnswers]:
        """What each way answers to the part's test films. fresh: whatever an earlier run kept is dropped first.

        Raises what the trainings raise, InputError BASELINES-PRUNE, LOSS-*, DISTILL-CHECKPOINT, CALIBRATION-NAN.
        """
        if fresh:
            for way in ways:
                for name in (NAME, "pretraining.pt", "teacher.pt", "student.pt"):
                    (self._folder(way) / name).unlink(missing_ok=True)
        files = {way: AnswersFile(self._folder(way) / NAME, self._asked(way)) for way in ways}
        kept = {way: found for way, file in files.items() if (found := file.read()) is not None}
        missing = [way for way in ways if way not in kept]
        if missing:
            for way, make in self._makers(missing).items():
                say(f"{self.title}{way}")
                kept[way] = make()
                files[way].write(kept[way])
        return {way: kept[way] for way in ways}

    def _makers(self, missing: Collection[Way]) -> dict[Way, Callable[[], WayAnswers]]:
        """How each missing way is made, once whatever can be refused has been."""
        recipe, plan = self.recipe, self.plan
        weighted(plan.terms)
        pupil, master = untrained(recipe, plan, "student"), self._untrained_teacher()
        names = rehearse(plan, recipe, with_features, pupil, master, one_size(recipe, plan, "student"))
        wanted, shape = parameters(pupil), (recipe.input.channels, recipe.input.height, recipe.input.width)
        if "pruned" in missing:
            pruned(master, wanted, shape, plan.teacher.backbone)
        return _Makers(self, pupil, master, names, wanted, shape).of(missing)

    def _untrained_teacher(self) -> BackboneStudent:
        """The teacher before its training, or after it where the recipe loads it."""
        if self.plan.teacher.weights is None:
            return untrained(self.recipe, self.plan, "teacher")
        return load_first(self.recipe, self.plan, self.beside)

    def _folder(self, way: Way) -> Path:
        return self.folder / way.replace(" ", "-")

    def trainings(self, way: Way, role: Role, plan: Distillation, costs: Remaining) -> Trainings:
        """For one training of a way, in a folder of its own."""
        folder = self._folder(way)
        checkpoints = {role: CheckpointFile(folder / f"{role}.pt", self._taught(way))}
        remaining = Remaining({role: costs.parts[role]}) if role in costs.parts else Remaining({})
        return Trainings(self.recipe, plan, self.splits, checkpoints, folder, self.processes, remaining)

    def _taught(self, way: Way) -> str:
        """The hash of all that decides a way's training."""
        parts = {
            "recipe": fingerprint(self.recipe, torch.get_num_threads(), "student"),
            "way": way,
            "train": self.splits.train.digest,
            "val": self.splits.val.digest,
            "pruner": installed(PACKAGE) if way == "pruned" else None,
        }
        return sha256_bytes(canonical_json(parts).encode())

    def _asked(self, way: Way) -> str:
        """The hash of all that decides a way's answers."""
        calibration = self.recipe.calibration.model_dump(mode="json") if way == "quantised teacher" else None
        parts = {"taught": self._taught(way), "test": self.splits.test.digest, "calibration": calibration}
        return sha256_bytes(canonical_json(parts).encode())


@dataclass
class _Makers:
    """The trainings of one experiment: what several of them begin with is made once, when it is first needed."""

    own: Experiment
    pupil: BackboneStudent
    master: BackboneStudent
    names: tuple[str, ...]
    """Of the teacher's outputs that the losses read."""
    wanted: int
    shape: tuple[int, int, int]

    def of(self, missing: Collection[Way]) -> dict[Way, Callable[[], WayAnswers]]:
        every: dict[Way, Callable[[], WayAnswers]] = {
            "teacher": lambda: self._measured(self.teacher, float_bytes, self._seconds(self.teacher)),
            "distilled": self._distilled,
            "hard labels": self._hard_labels,
            "pruned": self._pruned,
            "quantised teacher": self._in_int8,
        }
        return {way: make for way, make in every.items() if way in missing}

    @cached_property
    def teacher(self) -> Trained:
        """Trained, or loaded."""
        if self.own.plan.teacher.weights is not None:
            return Trained(self.master.to(self.own.processes.device))
        return self._trainings("teacher").teacher(self.master)

    @cached_property
    def start(self) -> tuple[BackboneStudent, float]:
        """The student before it hears of a label, and the seconds that its pretraining took."""
        own = self.own
        imitated = to_imitate(own.recipe, own.plan, own.part.data())
        if imitated is None:
            return self.pupil, 0.0
        costs = time_left(own.recipe, own.plan, own.splits.train, self._models, imitated)
        trainings = own.trainings("distilled", "pretraining", own.plan, costs)
        return self.pupil, trainings.pretrain(self.pupil, imitated).seconds

    @property
    def _models(self) -> Sequence[tuple[Role, BackboneStudent]]:
        return (("teacher", self.master), ("student", self.pupil))

    def _trainings(self, way: Way, plan: Distillation | None = None) -> Trainings:
        own = self.own
        costs = time_left(own.recipe, own.plan, own.splits.train, self._models, None)
        return own.trainings(way, ROLES[way], plan or own.plan, costs)

    def _distilled(self) -> WayAnswers:
        own = self.own
        student, seconds = self.start
        further = load_further(own.recipe, own.plan, own.beside, own.splits.val)
        for one in further:
            one.model.to(own.processes.device)
        ask = all_teachers(own.recipe, own.splits.val, self.teacher.model, with_features, further)
        taught = Taught(ask, digest_of([self.teacher.model, *(one.model for one in further)]), self.names)
        return self._student("distilled", copy.deepcopy(student), taught, own.plan, seconds)

    def _hard_labels(self) -> WayAnswers:
        student, seconds = self.start
        return self._student("hard labels", copy.deepcopy(student), _nobody(), self._hard, seconds)

    def _pruned(self) -> WayAnswers:
        model = pruned(self.teacher.model, self.wanted, self.shape, self.own.plan.teacher.backbone)
        return self._student("pruned", model, _nobody(), self._hard, 0.0)

    @property
    def _hard(self) -> Distillation:
        return self.own.plan.model_copy(update={"losses": HARD})

    def _student(
        self, way: Way, model: BackboneStudent, taught: Taught, plan: Distillation, seconds: float
    ) -> WayAnswers:
        """Train for the student's epochs, round to what its file would hold, and measure."""
        trained = self._trainings(way, plan).student(model, taught)
        rounded(trained.model)
        return self._measured(trained, int8_bytes, seconds + self._seconds(trained))

    def _in_int8(self) -> WayAnswers:
        splits, model, started = self.own.splits, self.teacher.model, time.monotonic()
        films = calibration_films(self.own.recipe, splits.val)
        logits = logits_in_int8(model, self.own.recipe, films, splits.test.images.numpy())
        seconds = time.monotonic() - started
        return WayAnswers(logits, parameters(model), int8_bytes(model), seconds, len(films))

    def _measured(self, trained: Trained, size: Callable[[BackboneStudent], int], seconds: float) -> WayAnswers:
        model = trained.model
        logits = answers(model, self.own.splits.test, "Measuring").logits
        return WayAnswers(logits, parameters(model), size(model), seconds)

    def _seconds(self, trained: Trained) -> float:
        return sum(epoch.seconds for epoch in trained.history)


def _nobody() -> Taught:
    """A teacher that is never asked."""
    return Taught(lambda films: {}, "", ())
