"""A network as a program: exported for any number of images, without this machine's folders in it."""

from __future__ import annotations

import inspect
import sys
import sysconfig
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cxredge.aten import image_of
from cxredge.errors import InputError, counted, printable
from cxredge.importing.evaluation import check_evaluation
from cxredge.students.program_file import program_bytes

BATCH = 2
"""Of the export: a batch of one would be taken for a constant."""


def export(net: nn.Module, image: Tensor) -> bytes:
    """The network as a program for any number of images. Raises InputError IMPORT-EXPORT or PROGRAM-*."""
    try:
        with torch.no_grad():
            program = torch.export.export(net, (image,), dynamic_shapes=(({0: torch.export.Dim.AUTO}),))
    except Exception as error:
        said = printable(" ".join(str(error).split())[:300])
        raise InputError(
            "IMPORT-EXPORT",
            f"torch.export cannot follow the network: {type(error).__name__}: {said}",
            "write forward without branches that depend on values of the image, and without code that is not PyTorch",
        ) from error
    _check_batch(program)
    check_evaluation(
        program, "the network", "keep running statistics in batch norms, and hand self.training to functional.dropout"
    )
    return program_bytes(program, _folders())


def _check_batch(program: Any) -> None:
    films = str(image_of(program).shape[0])
    if films.isdecimal():  # torch may hold the number as a symbol of that value
        raise InputError(
            "IMPORT-BATCH",
            f"the network works for {counted(int(films), 'image')} at a time alone",
            "write forward for any number of images: x.flatten(1), and no number of images in a shape",
        )


def _folders() -> dict[str, str]:
    """Folders of this machine that source lines begin with, longest first, and what to write for them."""
    roots = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *sys.path, str(Path.home()), str(Path.cwd())}
    roots |= {str(Path(inspect.getfile(torch)).parents[1]), str(Path(__file__).parents[2])}
    absolute = sorted((root for root in roots if root and Path(root).is_absolute() and root != "/"), key=len)
    return {f"{root.rstrip('/')}/": "" for root in reversed(absolute)}
