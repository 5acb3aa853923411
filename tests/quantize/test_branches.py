"""Branches that are one convolution become one; other sums stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cxredge.quantize.branches import fold_branches, plain_student
from cxredge.recipe_input import InputSpec
from cxredge.students.backbone_student import BackboneStudent
from support.structures import EACH, KINDS, WIDTH, Beside, Written, conv_bn
from support.tiny_student import SIZE, films, settled

SPEC = InputSpec(height=SIZE, width=SIZE, fit="pad")


def student_of(part: nn.Module) -> BackboneStudent:
    torch.manual_seed(0)
    return settled(BackboneStudent(Beside({"part": part}), EACH, 3, 4))


def convolutions(student: BackboneStudent) -> list[nn.Conv2d]:
    return [m for m in student.get_submodule("backbone.parts.part").modules() if isinstance(m, nn.Conv2d)]


@torch.no_grad()
def answers(student: BackboneStudent) -> Tensor:
    cam: Tensor = student(torch.from_numpy(films(2, 3)).float())["cam"]
    return cam


def summed(*parts: nn.Module, plus: Callable[[Tensor], Tensor] | None = None) -> nn.Module:
    def forward(self: nn.Module, x: Tensor) -> Tensor:
        terms = [part(x) for part in self.children()]
        total: Tensor = sum(terms[1:], terms[0])
        return total.relu() if plus is None else (total + plus(x)).relu()

    return Written(forward, **{f"branch_{i}": part for i, part in enumerate(parts)})


@pytest.mark.parametrize(
    ("kind", "left"), [("RepVGG branches", 1), ("RepVGG branches in groups", 1), ("MobileOne branches", 3)]
)
def test_published_blocks_become_one_convolution(kind: str, left: int) -> None:
    student = student_of(KINDS[kind]())
    folded = fold_branches(student, SPEC)
    assert len(convolutions(folded)) == left
    assert len(convolutions(student)) > left, "the student itself is left alone"
    torch.testing.assert_close(answers(folded), answers(student), rtol=1e-4, atol=1e-5)


def test_kernels_of_all_shapes_are_laid_over_each_other() -> None:
    parts = (
        nn.Conv2d(WIDTH, WIDTH, (1, 3), padding=(0, 1)),
        nn.Conv2d(WIDTH, WIDTH, (5, 1), padding=(2, 0), bias=False),
        conv_bn(WIDTH, WIDTH, 3),
        nn.BatchNorm2d(WIDTH),
    )
    student = student_of(summed(*parts))
    folded = fold_branches(student, SPEC)
    (conv,) = convolutions(folded)
    assert (conv.kernel_size, conv.padding) == ((5, 3), (2, 1))
    torch.testing.assert_close(answers(folded), answers(student), rtol=1e-4, atol=1e-5)


def test_strides_are_kept() -> None:
    student = student_of(summed(conv_bn(WIDTH, 24, 3, 2), conv_bn(WIDTH, 24, 1, 2)))
    folded = fold_branches(student, SPEC)
    (conv,) = convolutions(folded)
    assert conv.stride == (2, 2)
    torch.testing.assert_close(answers(folded), answers(student), rtol=1e-4, atol=1e-5)


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "a shortcut": lambda: summed(conv_bn(WIDTH, WIDTH, 3), plus=lambda x: x),
    "a pool": lambda: summed(conv_bn(WIDTH, WIDTH, 3), nn.AvgPool2d(3, 1, 1)),
    "an activation in a branch": lambda: summed(
        nn.Sequential(*conv_bn(WIDTH, WIDTH, 3), nn.ReLU()), nn.BatchNorm2d(16)
    ),
    "a dilated kernel": lambda: summed(conv_bn(WIDTH, WIDTH, 3), nn.Conv2d(WIDTH, WIDTH, 3, padding=2, dilation=2)),
    "kernels that are not centred": lambda: summed(
        conv_bn(WIDTH, WIDTH, 3), nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(WIDTH, WIDTH, 2))
    ),
    "other groups": lambda: summed(conv_bn(WIDTH, WIDTH, 3), conv_bn(WIDTH, WIDTH, 3, groups=4)),
    "two norms": lambda: summed(nn.BatchNorm2d(WIDTH), nn.BatchNorm2d(WIDTH)),
    "a factor": lambda: Written(
        lambda self, x: torch.add(self.one(x), self.other(x), alpha=2),
        one=conv_bn(WIDTH, WIDTH, 3),
        other=conv_bn(WIDTH, WIDTH, 1),
    ),
    "a branch that is read twice": lambda: Written(
        lambda self, x: (lambda a: (a + self.other(x)) * a.sigmoid())(self.one(x)),
        one=conv_bn(WIDTH, WIDTH, 3),
        other=conv_bn(WIDTH, WIDTH, 1),
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_sums_are_left_alone(kind: str) -> None:
    student = student_of(OTHERS[kind]())
    assert fold_branches(student, SPEC) is student


def test_a_block_in_two_places_keeps_its_branches() -> None:
    student = student_of(Written(lambda self, x: self.block(self.block(x)), block=KINDS["RepVGG branches"]()))
    folded = plain_student(student, SPEC)
    torch.testing.assert_close(answers(folded), answers(student), rtol=1e-4, atol=1e-5)
