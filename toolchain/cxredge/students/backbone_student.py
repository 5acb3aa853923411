"""A backbone with its head and, where they are wanted, float heads: what this toolchain distils."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from cxredge.students.base import Student
from cxredge.students.heads import exact_head, upscaled
from cxredge.students.novelty import Novelty
from cxredge.students.quality import Quality


class BackboneStudent(Student):
    """A student with, but for ``novelty_rank`` None, a novelty score, and with ``kinds`` a quality head.

    backbone: module that maps float32[N, ch, H, W] to float32[N, d, h, w].
    head: given d and the number of labels, makes the module that maps these to one of three: class maps float32[N, C,
    h, w], whose spatial means are the logits, so that the heatmap costs nothing and is exact; logits and maps, where a
    logit is something else (``GradientHead``); logits float32[N, C] alone.
    upscale: an exact head's maps have that many rows and columns for each of the features', see ``upscaled``.
    novelty float32[N], see ``Novelty``; quality float32[N, kinds], see ``Quality``.
    """

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        classes: int,
        novelty_rank: int | None,
        kinds: int = 0,
        head: Callable[[int, int], nn.Module] = exact_head,
        upscale: int = 1,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head(features, classes * upscale**2)
        self.upscale = upscale
        self.novelty = None if novelty_rank is None else Novelty(features, novelty_rank)
        self.quality = Quality(features, kinds) if kinds else None

    def features(self, image: Tensor) -> Tensor:
        """float32[N, ch, H, W] 0..255 -> float32[N, d, h, w].

        Grey levels become multiples of 1/128 in [-1, 127/128]: exact in float, and exactly the 256 steps of an INT8
        tensor whose zero is a step. (With 127.5, every level would lie half-way between two steps.)
        """
        feats: Tensor = self.backbone((image - 128.0) / 128.0)
        return feats

    def pooled(self, image: Tensor) -> Tensor:
        """float32[N, ch, H, W] 0..255 -> float32[N, d]: what novelty and quality are fitted to."""
        return self.features(image).mean((2, 3))

    def fit_novelty(self, pooled: Tensor) -> None:
        """Fit the novelty score, if there is one, to the training films' pooled features float32[n, d]."""
        if self.novelty is not None:
            self.novelty.fit(pooled)

    def fit_quality(self, classes: Sequence[Tensor]) -> None:
        """Fit a quality head, new or old, to pooled features float32[n, d] of ordinary films and of each accident."""
        self.quality = Quality.fitted_to(classes)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """See the class."""
        features = self.features(image)
        outputs = _answered(self.head(features), self.upscale)
        if self.novelty is not None:
            outputs["novelty"] = self.novelty(features)
        if self.quality is not None:
            outputs["quality"] = self.quality(features)
        return outputs


def _answered(found: Tensor | tuple[Tensor, Tensor], upscale: int) -> dict[str, Tensor]:
    """Logits, and maps where there are some, of what a head gives."""
    if not isinstance(found, Tensor):
        logits, cam = found
        return {"logits": logits, "cam": cam}
    if found.ndim == 2:
        return {"logits": found}
    if upscale > 1:
        found = upscaled(found, upscale)
    # keepdim, then flatten: the form that XNNPACK takes (mean without keepdim splits the int8 graph)
    return {"logits": found.mean((2, 3), keepdim=True).flatten(1), "cam": found}
