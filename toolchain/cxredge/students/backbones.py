"""A network by its name in a recipe: one of timm's, several of these side by side, or one of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxredge.recipe_student import BESIDE, OWN
from cxredge.students.architectures import get_architecture
from cxredge.students.concatenated import Concatenated
from cxredge.students.parts import Parts
from cxredge.students.timm_backbone import TimmBackbone

if TYPE_CHECKING:
    from cxredge.recipe_input import InputSpec


def parts_of(name: str, spec: InputSpec) -> Parts:
    """The parts of a student or teacher for films of ``spec``, untrained.

    Raises InputError STUDENT-UNKNOWN (no such network), STUDENT-MAP (no feature map) or STUDENT-SIZE.
    """
    if name.startswith(OWN):
        return get_architecture(name).student_parts(spec.channels, (spec.height, spec.width))
    nets = [TimmBackbone(each, spec.channels, spec.height, spec.width) for each in name.split(BESIDE)]
    return Parts(nets[0] if len(nets) == 1 else Concatenated(nets), sum(net.features for net in nets))
