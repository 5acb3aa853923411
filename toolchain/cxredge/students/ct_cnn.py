"""The student for chest CT of medRxiv 2025.11.23.25340844: three convolutions and two linear layers.

The batch norms' constants are PyTorch's own, and so are the first weights; the paper's are not known.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from cxredge.students.parts import Parts

WIDTHS = (32, 64, 128)
HIDDEN = 256
DROPOUT = 0.5


def _stage(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            conv=nn.Conv2d(channels, out, 3, padding=1), act=nn.ReLU(), norm=nn.BatchNorm2d(out), pool=nn.MaxPool2d(2)
        )
    )


def _stages(channels: int) -> nn.Sequential:
    return nn.Sequential(*(_stage(*pair) for pair in zip((channels, *WIDTHS), WIDTHS, strict=False)))


def _cells(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the last stage's map."""
    return size[0] >> len(WIDTHS), size[1] >> len(WIDTHS)


class CtCnn(nn.Module):
    """forward: image float32[N, channels, H, W], normalised -> logits float32[N, outputs].

    size: (H, W), the only one that it takes, multiples of 8: with others, the pooling would drop the last rows or
    columns. The softmax of the paper's last layer is left to loss and decision.
    618,754 trainable parameters for 3 channels, 2 outputs and 32 x 32.
    """

    def __init__(self, channels: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.stages = _stages(channels)
        rows, columns = _cells(size)
        self.hidden = nn.Sequential(
            OrderedDict[str, nn.Module](
                linear=nn.Linear(WIDTHS[-1] * rows * columns, HIDDEN), act=nn.ReLU(), dropout=nn.Dropout(DROPOUT)
            )
        )
        self.classifier = nn.Linear(HIDDEN, outputs)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.classifier(self.hidden(self.stages(image).flatten(1)))
        return logits


def student_parts(channels: int, size: tuple[int, int]) -> Parts:
    """Of a student that computes as ``CtCnn``. The hidden layer is a convolution over the whole map, which is the same
    as flattening and a linear layer: so the backbone, which INT8 quantises, ends in a map of one cell."""
    backbone = OrderedDict[str, nn.Module](
        stages=_stages(channels), hidden=nn.Conv2d(WIDTHS[-1], HIDDEN, _cells(size)), act=nn.ReLU()
    )
    return Parts(nn.Sequential(backbone), HIDDEN, _head)


def _head(features: int, labels: int) -> nn.Sequential:
    """Logits alone: a map of one cell shows nothing."""
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            dropout=nn.Dropout(DROPOUT), classifier=nn.Conv2d(features, labels, 1), rows=nn.Flatten()
        )
    )
