"""What original and student say of the same films: the root of the parity chain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cxredge.errors import InputError
from cxredge.images.film_file import FilmFile
from cxredge.importing.making import batches
from cxredge.importing.network import Original, run
from cxredge.importing.transforms import Transform
from cxredge.progress import track
from cxredge.recipe import InputSpec
from cxredge.recipe_student import Normalise
from cxredge.students.normalisation import Normalisation
from cxredge.students.program_file import read_program
from cxredge.students.program_student import ProgramStudent

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
    found, first = [], True
    for part in batches(images):
        with torch.no_grad():
            normalised = prepare(part)
        answer = run(original.net, normalised)
        if first and not torch.equal(answer, run(original.net, normalised)):
            raise InputError(
                "IMPORT-RANDOM",
                "the original says something else of the same films when it is asked again",
                "call eval() in what makes it, and draw no random numbers in forward",
            )
        if first:
            _check_alone(original, normalised, answer)
        first = False
        found.append(answer)
    return _finite(torch.cat(found))


def _check_alone(original: Original, images: Tensor, together: Tensor) -> None:
    """Raises InputError IMPORT-BATCH: what the original says of a film depends on the films beside it."""
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


def student_answers(
    data: bytes, normalise: Normalise, names: tuple[str, ...], images: Tensor, exact: bool
) -> dict[str, Tensor]:
    """uint8[N, ch, H, W] -> the outputs of the student in ``data`` but its maps, read as a build reads it.

    exact: whether its maps are said to be exact. Raises InputError IMPORT-HEATMAP: their means are not the logits.
    """
    student = ProgramStudent(normalise, read_program(data, "the student"), names).eval()
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
