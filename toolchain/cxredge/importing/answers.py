"""What original and student say of the same films: the root of the parity chain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cxredge.errors import InputError
from cxredge.images.film_file import FilmFile
from cxredge.importing.choosing import run
from cxredge.importing.making import batches
from cxredge.importing.network import Original
from cxredge.importing.transforms import Transform
from cxredge.progress import track
from cxredge.recipe_input import InputSpec
from cxredge.recipe_student import Normalise
from cxredge.students.base import Student
from cxredge.students.normalisation import Normalisation

ALONE = 4
"""Films that are also asked about one by one."""
SAME = 1e-3
"""Of the largest logit: sums in another order make a difference of about a millionth."""


def original_answers(original: Original, normalise: Normalise, images: Tensor) -> Tensor:
    """uint8[N, ch, H, W] -> what the original itself says of them in eager PyTorch, float32[N, C].

    Raises InputError IMPORT-RUN, IMPORT-OUTPUTS, IMPORT-RANDOM (it says something else the second time), IMPORT-BATCH,
    IMPORT-NAN.
    """
    prepare = Normalisation(normalise)
    found: list[Tensor] = []
    for part in batches(images):
        with torch.no_grad():
            normalised = prepare(part)
        answer = run(original.net, normalised)
        if not found:
            _check_steady(original, normalised, answer)
        found.append(answer)
    return _finite(torch.cat(found))


def _check_steady(original: Original, images: Tensor, together: Tensor) -> None:
    """Raises InputError IMPORT-RANDOM, or IMPORT-BATCH: what it says of a film depends on the films beside it."""
    if not torch.equal(together, run(original.net, images)):
        raise InputError(
            "IMPORT-RANDOM",
            "the original says something else of the same films when it is asked again",
            "call eval() in what makes it, and draw no random numbers in forward",
        )
    alone = torch.cat([run(original.net, image[None]) for image in images[:ALONE]])
    apart = float((alone - together[:ALONE]).abs().max())
    if apart > SAME * max(1.0, float(together.abs().max())):
        raise InputError(
            "IMPORT-BATCH",
            f"the original says something else of a film alone than among others (logits {apart:.2g} apart)",
            "call eval() in what makes it, and use no statistics of the batch in forward: a phone shows one film",
        )


def own_answers(original: Original, transform: Transform, films: Sequence[FilmFile], spec: InputSpec) -> Tensor:
    """What the original says of films that its own preprocessing prepared, float32[N, C]."""
    found = [run(original.net, transform.of(film, spec)[None]) for film in track(films, "original", len(films))]
    return _finite(torch.cat(found))


def student_answers(student: Student, names: tuple[str, ...], images: Tensor, exact: bool) -> dict[str, Tensor]:
    """uint8[N, ch, H, W] -> the outputs ``names`` of the student but its maps.

    exact: whether its maps are said to be exact. Raises InputError IMPORT-HEATMAP: their means are not the logits.
    """
    kept = [name for name in names if name != "cam"]
    with torch.no_grad():
        parts = [student(part) for part in batches(images)]
    if exact:
        for part in parts:
            _check_maps(part["cam"], part["logits"])
    return {name: torch.cat([part[name] for part in parts]) for name in kept}


def _check_maps(maps: Tensor, logits: Tensor) -> None:
    apart = float((maps.mean((2, 3)) - logits).abs().max())
    if apart > SAME * max(1.0, float(logits.abs().max())):
        raise InputError(
            "IMPORT-HEATMAP",
            f"the maps' means differ from the logits by up to {apart:.3g}",
            "report the network: it was divided at the wrong place",
        )


def _finite(answers: Tensor) -> Tensor:
    if not bool(torch.isfinite(answers).all()):
        raise InputError("IMPORT-NAN", "the original answers NaN or infinity", "check --input and --normalise")
    return answers
