"""The student contract: what every model that this toolchain lowers looks like from outside."""

from __future__ import annotations

from torch import Tensor, nn


class Student(nn.Module):
    """``forward(image float32[N, ch, H, W], 0..255) -> {"logits", "cam", "novelty", "quality"}``, normalisation inside.

    logits float32[N, C]; cam float32[N, C, h, w], the heatmaps; novelty float32[N], see ``novelty.Novelty``;
    quality float32[N, K], see ``quality.Quality``. The last three may be absent, as the recipe says.
    What INT8 quantises is the child module ``backbone``, whatever it holds (``quantize.units``).
    """

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """See the class."""
        raise NotImplementedError
