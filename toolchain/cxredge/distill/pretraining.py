"""Learning to see without labels: a student's backbone comes to give the features of a network that was trained before.

For backbones of which no weights can be installed. What is learnt is the direction of the other network's features at
every place, and where they are strong; a linear layer that is thrown away afterwards stands between the two, as they
have other channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from cxredge.data.unlabelled import to_see
from cxredge.distill.map_losses import attention_distance
from cxredge.distill.pretrained import start_from_imagenet
from cxredge.distill.record import PretrainingRecord
from cxredge.distill.splits import pixels_of
from cxredge.distill.views import Sample
from cxredge.recipe_distillation import Distillation, Pretraining
from cxredge.students import new_student

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxredge.data.data_sets import DataSet
    from cxredge.distill.splits import Films
    from cxredge.distill.training_log import Epoch
    from cxredge.recipe import Recipe
    from cxredge.students.backbone_student import BackboneStudent


class Imitator(nn.Module):
    """forward: films float32[N, ch, H, W] 0..255 -> ``own`` float32[N, d, h, w], the student's last features, and
    ``features`` float32[N, wanted, h, w], a linear map of them."""

    def __init__(self, student: BackboneStudent, features: int, wanted: int) -> None:
        super().__init__()
        # under the name that the student gives it; its heads are not trained here
        self.backbone = student.backbone
        self.towards = nn.Conv2d(features, wanted, 1)
        self._features = student.features

    def forward(self, films: Tensor) -> dict[str, Tensor]:
        """See the class."""
        own = self._features(films)
        return {"features": self.towards(own), "own": own}


class Imitated(nn.Module):
    """The network that is imitated, on which films, and how far an ``Imitator``'s answers are from it."""

    def __init__(self, model: BackboneStudent, films: Films) -> None:
        super().__init__()
        self.model = model.eval()
        self.films = films

    def distances(self, sample: Sample, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms of the loss, scalars within 0..2, by name.

        features: 1 - the cosine of both features at a place, its mean over places and films: the hint of Romero et al.,
        "FitNets" (ICLR 2015), of which only directions count here, for lengths are another network's own. attention:
        the distance of both attention maps, as in ``losses.attention``.
        """
        with torch.no_grad():
            wanted = self.model.features(sample.films).float()
        found, own = outputs["features"], outputs["own"]
        if wanted.shape[2:] != found.shape[2:]:
            wanted = F.interpolate(wanted, size=found.shape[2:], mode="bilinear", antialias=True)
        return {
            "features": (1 - F.cosine_similarity(found, wanted, dim=1)).mean(),
            "attention": attention_distance(own, wanted),
        }


def to_imitate(recipe: Recipe, plan: Distillation, data: DataSet) -> Imitated | None:
    """The network that the recipe's pretraining names, with its weights, and the films, square ones of its ``side``.

    data: the recipe's own. None: there is no pretraining. Raises what ``to_see``, ``new_student`` and
    ``start_from_imagenet`` raise.
    """
    how = plan.pretraining
    if how is None:
        return None
    model = new_student(recipe, how.backbone)
    start_from_imagenet(model, how.backbone, how.pretrained)
    size = {} if how.side is None else {"height": how.side, "width": how.side}
    films = pixels_of(to_see(plan, how, data, drawn=True), recipe.input.model_copy(update=size), "pretraining")
    return Imitated(model, films)


def imitator(student: BackboneStudent, of: Imitated, shape: torch.Size) -> Imitator:
    """A student's backbone with a layer towards the features of ``of``; that layer is drawn at random.

    shape: of a film, channels, height and width.
    """
    black = torch.zeros(1, *shape)
    training = student.training
    with torch.no_grad():
        features, wanted = (model.eval().features(black).shape[1] for model in (student, of.model))
    student.train(training)
    return Imitator(student, features, wanted)


def record_of(how: Pretraining, films: Films, history: Sequence[Epoch]) -> PretrainingRecord:
    """What is written of it."""
    return PretrainingRecord(
        backbone=how.backbone,
        pretrained=how.pretrained,
        sets=how.sets,
        phantoms=how.phantoms,
        films=len(films),
        patients=len(set(films.patients)),
        epochs=len(history),
        losses=tuple(round(epoch.loss, 5) for epoch in history),
        seconds=round(sum(epoch.seconds for epoch in history), 1),
    )
