"""What a distillation says: of each epoch, of what is kept when it is stopped, and of what its figures mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cxredge.distill.evaluate import answers, measured
from cxredge.errors import counted, printable
from cxredge.recipe_card import by_groups
from cxredge.recipe_data import PhantomData

if TYPE_CHECKING:
    from cxredge.distill.checkpoint import CheckpointFile
    from cxredge.distill.splits import Films, Splits
    from cxredge.recipe import Recipe
    from cxredge.recipe_distillation import Distillation, Role
    from cxredge.students.backbone_student import BackboneStudent

PHANTOM_STATEMENT = "Trained and measured on phantoms, synthetic films. Nothing here says anything about people."
FILM_STATEMENT = "These figures test a toolchain: they are no evidence of clinical performance."


def kept(plan: Distillation, checkpoints: Mapping[Role, CheckpointFile], fresh: bool) -> str:
    """What is left of a run that was stopped."""
    wanted = {role: plan.course(role).epochs for role in checkpoints if role != "teacher" or not plan.teacher.weights}
    come = {role: checkpoints[role].come() for role in wanted}
    if not any(map(any, come.values())):
        return "stopped before the first step had ended: nothing is kept, and the same command starts over"
    said = (_come(role, *come[role], wanted[role]) for role in wanted if any(come[role]))
    how = "the same command without --fresh" if fresh else "the same command"
    return f"stopped; kept in {checkpoints['student'].path.parent}: {', '.join(said)}; {how} goes on from there"


def _come(role: str, epochs: int, steps: int, wanted: int) -> str:
    within = f" and {counted(steps, 'step')}" if steps else ""
    return f"{role} {epochs} of {counted(wanted, 'epoch')}{within}"


def statement(recipe: Recipe, splits: Splits) -> str:
    """What the figures do and do not say. Where labels come from is said only if the data set says it."""
    if isinstance(recipe.data, PhantomData):
        return PHANTOM_STATEMENT
    test = splits.test
    whose = f", whose labels come from {printable(splits.label_source)}" if splits.label_source else ""
    owners = by_groups(counted(len(set(test.patients)), "patient"), recipe.card.groups)
    return f"Measured on {counted(len(test), 'film')} of {owners}{whose}. {FILM_STATEMENT}"


def warnings_of(splits: Splits) -> list[str]:
    """What should be known of the films before hours are spent on them."""
    if splits.leaks is None:
        return ["note: too many films to look for one picture in two splits here; run cxredge data check"]
    if not splits.leaks:
        return []
    first = splits.leaks[0]
    return [
        f"warning: {counted(len(splits.leaks), 'pair')} of films of two splits seem to be one picture, as "
        f"{first.one} and {first.other}: figures may be too good; cxredge data check lists them, "
        "data.leave_out takes films out"
    ]


def val_auc(recipe: Recipe, films: Films) -> Callable[[BackboneStudent], float | None]:
    """Gives the mean AUC over the labels on the validation films; None where there are too few for it."""
    return lambda model: measured(recipe, films.targets.numpy(), answers(model, films, "Validating")).macro_auc
