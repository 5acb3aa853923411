"""A student put together from parts: a backbone, a head of any kind, and perhaps float heads."""

from __future__ import annotations

from torch import Tensor, nn

from cxredge.students.base import Student
from cxredge.students.quality import Quality


class ComposedStudent(Student):
    """normalisation: float32[N, ch, H, W] 0..255 -> float32[N, c, H, W].

    backbone: that -> features float32[N, d, h, w] or float32[N, d]; head: features -> logits, or logits and cam.
    """

    def __init__(
        self,
        normalisation: nn.Module,
        backbone: nn.Module,
        head: nn.Module,
        novelty: nn.Module | None,
        quality: Quality | None = None,
    ) -> None:
        super().__init__()
        self.normalisation = normalisation
        self.backbone = backbone
        self.head = head
        self.novelty = novelty
        self.quality = quality

    def answer(self, normalised: Tensor) -> dict[str, Tensor]:
        """float32[N, c, H, W] -> the outputs of the contract."""
        features = self.backbone(normalised)
        found = self.head(features)
        outputs = {"logits": found} if isinstance(found, Tensor) else dict(zip(("logits", "cam"), found, strict=True))
        if self.novelty is not None:
            outputs["novelty"] = self.novelty(features)
        if self.quality is not None:
            outputs["quality"] = self.quality(features)
        return outputs

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """See ``Student``."""
        return self.answer(self.normalisation(image))
