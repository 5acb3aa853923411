"""A backbone with an exact-CAM head and, where it is wanted, a novelty score: what this toolchain distils."""

from __future__ import annotations

from torch import Tensor, nn

from cxredge.students.base import Student
from cxredge.students.novelty import Novelty


class CamStudent(Student):
    """A student with exact maps and, but for ``novelty_rank`` None, a novelty score.

    backbone: module that maps float32[N, ch, H, W] to float32[N, d, h, w].
    logits float32[N, C] are the spatial mean of cam float32[N, C, h, w]: the heatmap costs nothing and is exact.
    novelty float32[N], see ``Novelty``.
    """

    def __init__(self, backbone: nn.Module, features: int, classes: int, novelty_rank: int | None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Conv2d(features, classes, 1)
        self.novelty = None if novelty_rank is None else Novelty(features, novelty_rank)

    def features(self, image: Tensor) -> Tensor:
        """float32[N, ch, H, W] 0..255 -> float32[N, d, h, w].

        Grey levels become multiples of 1/128 in [-1, 127/128]: exact in float, and exactly the 256 steps of an INT8
        tensor whose zero is a step. (With 127.5, every level would lie half-way between two steps.)
        """
        feats: Tensor = self.backbone((image - 128.0) / 128.0)
        return feats

    def fit_novelty(self, pooled: Tensor) -> None:
        """Fit the novelty score, if there is one, to the training films' pooled features float32[n, d]."""
        if self.novelty is not None:
            self.novelty.fit(pooled)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """See the class."""
        features = self.features(image)
        cam = self.head(features)
        # keepdim, then flatten: the form that XNNPACK takes (mean without keepdim splits the int8 graph)
        logits = cam.mean((2, 3), keepdim=True).flatten(1)
        if self.novelty is None:
            return {"logits": logits, "cam": cam}
        return {"logits": logits, "cam": cam, "novelty": self.novelty(features)}
