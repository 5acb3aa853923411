"""What INT8 cannot hold: a student that says the same, with one channel of one activation a thousand times as large."""

from __future__ import annotations

import copy

import torch

from cxredge.quantize.units import module_of
from cxredge.recipe_input import InputSpec
from cxredge.students.backbone_student import BackboneStudent

PASSING = ("aten.relu.default", "aten.relu_.default")


@torch.no_grad()
def heat(
    student: BackboneStudent, conv: str, spec: InputSpec, factor: float = 1000.0
) -> tuple[BackboneStudent, list[str]]:
    """The student with channel 0 behind ``conv`` (its batch norm, its ReLU) ``factor`` times as large, and the
    convolutions that read it, whose weights take the factor back.

    One scale for the whole activation leaves the other channels a ``factor``-th of their steps.
    """
    hot = copy.deepcopy(student)
    program = torch.export.export(hot, (torch.zeros(1, spec.channels, spec.height, spec.width),))
    (end,) = (node for node in program.graph.nodes if module_of(node) == conv)
    last = conv
    while len(end.users) == 1:
        (reader,) = end.users
        if "batch_norm" in str(reader.target):
            last = module_of(reader)
        elif str(reader.target) not in PASSING:
            break
        end = reader
    grown = hot.get_submodule(last)
    grown.weight[0] *= factor
    if grown.bias is not None:
        grown.bias[0] *= factor
    consumers = []
    for reader in end.users:
        if str(reader.target) != "aten.conv2d.default":
            raise ValueError(f"{reader.target} behind {conv} cannot take the factor back")
        weight = hot.get_submodule(module_of(reader)).weight
        depthwise = weight.shape[1] == 1
        weight[slice(0, 1) if depthwise else slice(None), 0] /= factor
        consumers.append(module_of(reader))
    return hot, consumers
