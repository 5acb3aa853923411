"""What a distillation says: of each epoch, of what is kept when it is stopped, and of what its figures mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cxredge.distill.evaluate import answers, measured
from cxredge.errors import counted, printable
from cxredge.recipe import PhantomData

if TYPE_CHECKING:
    from cxredge.distill.checkpoint import CheckpointFile
    from cxredge.distill.splits import Films, Splits
    from cxredge.recipe import Recipe
    from cxredge.recipe_distillation import Distillation
    from cxredge.students.backbone_student import BackboneStudent

PHANTOM_STATEMENT = "Trained and measured on phantoms, synthetic films. Nothing here says anything about people."
FILM_STATEMENT = "These figures test a toolchain: they are no evidence of clinical performance."


def kept(plan: Distillation, checkpoints: Mapping[str, CheckpointFile], fresh: bool) -> str:
    """What is left of a run that was stopped."""
    wanted = {"teacher": 0 if plan.teacher.weights else plan.teacher.epochs, "student": plan.epochs}
    epochs = {role: checkpoints[role].epochs() for role in wanted if wanted[role]}
    if not any(epochs.values()):
        return "stopped before the first epoch had ended: nothing is kept, and the same command starts over"
    whole = ", ".join(f"{role} {done} of {wanted[role]} epochs" for role, done in epochs.items() if done)
    how = "the same command without --fresh" if fresh else "the same command"
    return f"stopped; kept in {checkpoints['student'].path.parent}: {whole}; {how} goes on from there"


def statement(recipe: Recipe, splits: Splits) -> str:
    """What the figures do and do not say. Where labels come from is said only if the data set says it."""
    if isinstance(recipe.data, PhantomData):
        return PHANTOM_STATEMENT
    test = splits.test
    whose = f", whose labels come from {printable(splits.label_source)}" if splits.label_source else ""
    films, patients = counted(len(test), "film"), counted(len(set(test.patients)), "patient")
    return f"Measured on {films} of {patients}{whose}. {FILM_STATEMENT}"


def val_auc(recipe: Recipe, films: Films) -> Callable[[BackboneStudent], str]:
    """Says the mean AUC over the labels on the validation films."""

    def told(model: BackboneStudent) -> str:
        area = measured(recipe, films.targets.numpy(), answers(model, films, "Validating")).macro_auc
        return "no AUC on val: too few films" if area is None else f"val AUC {area:.3f}"

    return told
