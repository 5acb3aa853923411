"""Students of our own architectures with random weights that nothing in is degenerate of. Import it inside tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels, OperatingPoint
from cxredge.recipe_input import InputSpec
from cxredge.students import new_student
from cxredge.students.backbone_student import BackboneStudent
from support import tiny_student
from support.tiny_student import LABELS


def recipe_of(recipe: Recipe, name: str, side: int, channels: int = 1, labels: Sequence[str] = LABELS) -> Recipe:
    """The recipe with that backbone, for square films."""
    assert not hasattr(recipe.student, "program")
    changes = {
        "student": recipe.student.model_copy(update={"backbone": name, "novelty_rank": 4}),
        "input": InputSpec(channels=1 if channels == 1 else 3, height=side, width=side, fit="pad"),
        "labels": Labels(names=tuple(labels)),
        "operating_points": {label: OperatingPoint(logit=0.0, rule="test") for label in labels},
    }
    return recipe.model_copy(update=changes)


def films(spec: InputSpec, count: int, seed: int) -> NDArray[np.uint8]:
    """uint8[count, ch, H, W]: the tiny student's films, another one in each channel."""
    small = torch.from_numpy(tiny_student.films(count * spec.channels, seed)).float()
    large = functional.interpolate(small, (spec.height, spec.width), mode="bilinear", antialias=True)
    return large.reshape(count, spec.channels, spec.height, spec.width).round().to(torch.uint8).numpy()


def make(recipe: Recipe) -> BackboneStudent:
    """The recipe's student: batch norms and novelty as its films leave them, and a quality head where it has one.

    The head's weights are spread, so that a gradient map meets every part of its activation.
    """
    torch.manual_seed(0)
    student = new_student(recipe, recipe.student.backbone, recipe.quality is not None)  # type: ignore[union-attr]
    images = torch.from_numpy(films(recipe.input, 32, 1)).float()
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if name == "backbone.hidden.weight" and parameter.shape[2:] == (1, 1):
                parameter.mul_(20)
        student.train()(images)
        pooled = student.eval().pooled(images)
        student.fit_novelty(pooled)
        if student.quality is not None:
            student.fit_quality([pooled + shift for shift in torch.randn(5, 1, pooled.shape[1]) * pooled.std(0)])
    return student
