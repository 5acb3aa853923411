"""``cxredge distill`` from one end to the other: films, teacher, student, and what they end with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from cxredge.distill.before_build import refused_by_build
from cxredge.distill.checkpoint import CheckpointFile, fingerprint
from cxredge.distill.finish import Ended, finish
from cxredge.distill.loss_terms import looks_at_masks, weighted
from cxredge.distill.pretraining import to_imitate
from cxredge.distill.processes import Processes, started
from cxredge.distill.ready import checkpoint_file, ready_to_train
from cxredge.distill.record import DistillResults
from cxredge.distill.rehearsal import rehearse
from cxredge.distill.roles import Taught, Trained, Trainings, one_size, time_left, untrained, with_features
from cxredge.distill.saying import say
from cxredge.distill.splits import check_masks, load_splits, with_masks
from cxredge.distill.teachers import all_teachers, digest_of, load_first, load_further
from cxredge.distill.telling import kept, warnings_of
from cxredge.recipe import recipe_path
from cxredge.recipe_file import load_recipe
from cxredge.stages import cache_folder


def distill(place: Path, work: Path, fresh: bool = False) -> DistillResults | None:
    """Train the recipe's teacher and student; write weights and ``results.json`` beside the recipe, and update it.

    place: recipe folder or file. work: where checkpoints and logs go, ``<work>/<recipe name>/``. fresh: drop old
    checkpoints. A run that was stopped goes on from its last checkpoint; one that had ended is only measured again.
    Of several processes (``torchrun``) the first one measures and writes; the others return None.
    Raises what ``load_recipe``, ``rehearse``, ``load_splits``, ``new_student``, ``start_from_imagenet`` and
    ``Training.run`` raise, and InputError DISTILL-RECIPE (no ``distill`` section), DISTILL-CHECKPOINT, or what
    ``check_outputs`` raises. Interrupted, it says what is kept.
    """
    with started() as processes:
        return _distill(place, work, fresh, processes)


def _distill(place: Path, work: Path, fresh: bool, processes: Processes) -> DistillResults | None:
    from cxredge.data.data_sets import open_data

    file = recipe_path(place)
    recipe, plan = load_recipe(place), ready_to_train(place, work)
    # whatever can be refused is refused now, and not after an hour of training
    weighted(plan.terms)  # before weights are loaded: an unknown name is said at once
    threads = torch.get_num_threads()
    checkpoints = {
        role: CheckpointFile(checkpoint_file(work, recipe, role), fingerprint(recipe, threads, role))
        for role in plan.roles
    }
    if not fresh:
        for checkpoint in checkpoints.values():
            checkpoint.load()
    pupil = untrained(recipe, plan, "student")
    trained = plan.teacher.weights
    master = untrained(recipe, plan, "teacher") if trained is None else load_first(recipe, plan, file.parent)
    names = rehearse(plan, recipe, with_features, pupil, master, one_size(recipe, plan, "student"))
    with processes.one_by_one():
        data = open_data(recipe.data, recipe.labels, cache_folder())
        if looks_at_masks(plan.terms):
            check_masks(data)
        splits = load_splits(recipe, data, plan.licence_classes)
        if looks_at_masks(plan.terms):
            splits = replace(splits, train=with_masks(recipe, data, "train", splits.train))
        imitated = to_imitate(recipe, plan, data)
    if processes.first:
        for line in [*warnings_of(splits), *refused_by_build(recipe, data)]:
            say(line)
    further = load_further(recipe, plan, file.parent, splits.val)
    for one in further:
        one.model.to(processes.device)
    if fresh and processes.first:
        for checkpoint in checkpoints.values():
            checkpoint.path.unlink(missing_ok=True)
    left = time_left(recipe, plan, splits.train, (("teacher", master), ("student", pupil)), imitated)
    trainings = Trainings(recipe, plan, splits, checkpoints, work / recipe.name, processes, left)
    try:
        if processes.first and processes.world > 1:
            say(f"training with {processes.words}")
        before = None if imitated is None else trainings.pretrain(pupil, imitated)
        teacher = trainings.teacher(master) if trained is None else Trained(master.to(processes.device))
        ask = all_teachers(recipe, splits.val, teacher.model, with_features, further)
        models = [teacher.model, *(one.model for one in further)]
        student = trainings.student(pupil, Taught(ask, digest_of(models), names))
        if not processes.first:
            return None
        return finish(Ended(recipe, plan, file, data, splits, before, teacher, further, student, processes.words))
    except KeyboardInterrupt:
        if processes.first:
            say(kept(plan, checkpoints, fresh))
        raise
