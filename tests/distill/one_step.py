"""One step of a training on 16 films, with batch norm's statistics frozen; the first process writes the gradients."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from cxredge.distill.checkpoint import CheckpointFile
from cxredge.distill.processes import started
from cxredge.distill.splits import Films
from cxredge.distill.training import Training
from cxredge.distill.training_log import TrainingLog
from cxredge.distill.views import Sample, Views
from cxredge.recipe_distillation import Course
from cxredge.students.backbone_student import BackboneStudent
from cxredge.students.timm_backbone import TimmBackbone


def frozen(student: BackboneStudent, films: Tensor) -> Mapping[str, Tensor]:
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    answers: Mapping[str, Tensor] = student(films)
    return answers


def loss(sample: Sample, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {"hard": nn.functional.binary_cross_entropy_with_logits(outputs["logits"], sample.targets)}


def main(goal: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    backbone = TimmBackbone("timm/mobilenetv2_035", 1, 64, 64)
    student = BackboneStudent(backbone, backbone.features, 3, None)
    images = torch.randint(0, 256, (16, 1, 64, 64), dtype=torch.uint8)
    names = tuple(map(str, range(16)))
    films = Films(images, (torch.rand(16, 3) < 0.5).float(), names, names, "0" * 64)
    course = Course(epochs=1, batch=16, learning_rate=0.01)
    views = Views(films, 1, "student", 1, one_size=True)
    with started() as processes:
        place = goal.parent / f"{goal.stem}-work"
        checkpoint = CheckpointFile(place / "student.pt", "x")
        log = TrainingLog(place, "student")
        Training("student", student, views, loss, course, checkpoint, log, processes, frozen).run()
        if processes.first:
            torch.save({name: p.grad for name, p in student.named_parameters() if p.grad is not None}, goal)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
