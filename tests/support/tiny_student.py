"""A real but tiny student: every exporter takes a few seconds for it. Import it inside tests, as it imports torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cxredge.data.accidents import quality_classes
from cxredge.recipe_input import InputSpec
from cxredge.students.backbone_student import BackboneStudent
from cxredge.students.base import Student
from cxredge.students.quality import by_parts

SIZE = 48
LABELS = ("Effusion", "Nodule", "Mass")


class Block(nn.Module):
    """Inverted residual: pointwise, depthwise, pointwise, with batch norms and (but for a test's sake) a skip."""

    def __init__(self, width: int, skip: bool) -> None:
        super().__init__()
        self.skip = skip
        wide = 3 * width
        self.expand = nn.Sequential(nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6())
        self.depthwise = nn.Sequential(
            nn.Conv2d(wide, wide, 3, 1, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()
        )
        self.project = nn.Sequential(nn.Conv2d(wide, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.skip else y


class Spectrum(nn.Module):
    """Holds the one operator that phones' runtimes do not have."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.fft2(x).abs()


class Backbone(nn.Module):
    def __init__(self, width: int, spectrum: bool, skip: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, 4, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU6())
        self.block = Block(width, skip)
        self.spectrum = Spectrum() if spectrum else nn.Identity()
        self.last = nn.Sequential(nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width), nn.ReLU6())

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.spectrum(self.block(self.stem(x))))


def films(count: int, seed: int) -> NDArray[np.uint8]:
    """uint8[count, 1, SIZE, SIZE]: soft discs on a ramp."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    images = []
    for _ in range(count):
        image = 80 + 100 * (rows * random.uniform(-1, 1) + columns * random.uniform(-1, 1))
        for _ in range(3):
            r, c, spread, depth = random.uniform([0, 0, 0.1, -90], [1, 1, 0.3, 90])
            image += depth * np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / spread**2)
        images.append(np.clip(image + random.normal(0, 4, image.shape), 0, 255))
    return np.stack(images)[:, None].astype(np.uint8)


def make_student(spectrum: bool = False, skip: bool = True, upscale: int = 1) -> BackboneStudent:
    """Random weights, settled batch norms and a fitted novelty: nothing in it is degenerate. upscale: of its maps."""
    torch.manual_seed(0)
    width = 48
    return settled(BackboneStudent(Backbone(width, spectrum, skip), 4 * width, len(LABELS), 4, upscale=upscale))


def make_timm_student(name: str) -> BackboneStudent:
    """A timm network as it comes from the shop, settled in the same way."""
    from cxredge.students.timm_backbone import TimmBackbone

    torch.manual_seed(0)
    backbone = TimmBackbone(name, 1, SIZE, SIZE)
    return settled(BackboneStudent(backbone, backbone.features, len(LABELS), 4))


class LogitsAlone(Student):
    """A student without maps and without a novelty score: a linear layer over the pooled features."""

    def __init__(self) -> None:
        super().__init__()
        width = 48
        self.backbone = Backbone(width, spectrum=False, skip=True)
        self.head = nn.Linear(4 * width, len(LABELS))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.backbone((image - 128.0) / 128.0)
        return {"logits": self.head(features.mean((2, 3), keepdim=True).flatten(1))}


def make_logits_student() -> LogitsAlone:
    torch.manual_seed(0)
    student = LogitsAlone()
    settle_batch_norms(student)
    return student


def settled(student: BackboneStudent) -> BackboneStudent:
    """Batch norms, novelty and quality as the films leave them; evaluation mode."""
    images = settle_batch_norms(student)
    with torch.no_grad():
        student.fit_novelty(student.features(images).mean((2, 3)))
    accidents = quality_classes(films(8, 1), InputSpec(height=SIZE, width=SIZE, fit="squash"))
    student.fit_quality([by_parts(student.pooled, part, "quality") for part in accidents])
    return student


def settle_batch_norms(student: Student) -> Tensor:
    """Batch norms as the films leave them, evaluation mode. Returns the films, float32[32, 1, SIZE, SIZE]."""
    images = torch.from_numpy(films(32, 1)).float()
    student.train()
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        student(images)
    student.eval()
    return images
