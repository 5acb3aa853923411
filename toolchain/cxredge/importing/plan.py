"""What an import is asked to do, and what it found: records that travel to the worker and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from cxredge.images.film_file import FilmFile
from cxredge.recipe_input import InputSpec
from cxredge.recipe_student import Heatmap, Normalise
from cxredge.statistics.probabilities import Kind
from cxredge.vocabulary import Frozen, Sha256

Probability = Literal["sigmoid", "softmax", "log-softmax"]
KINDS: dict[str, Kind] = {"sigmoid": "multi-label", "softmax": "single-label", "log-softmax": "single-label"}
"""What labels are, by the function that an original ends in."""


class Source(Frozen):
    """The network that is handed in. Paths are absolute."""

    file: str
    """Checkpoint, program, or a folder with one."""
    arch: str | None = None
    """``timm/<name>``, ``torchvision/<name>`` or ``cxredge/<name>``."""
    code: str | None = None
    """Python file whose ``factory`` makes the network."""
    factory: str | None = None
    entry: str | None = None
    """Of a checkpoint with several state dicts."""
    by_position: bool = False
    output: str | None = None
    """Of a network with several outputs: the key or place of the logits."""


class Wanted(Frozen):
    """What the person says of the network's input; None where the file is to say it."""

    size: tuple[int, int] | None = None
    """Rows and columns."""
    colour: bool = False
    """Films are in colour: an original of three channels gets theirs, and not a grey one three times."""
    normalise: Normalise | None = None
    """``repeat`` is left to the import."""
    fit: Literal["pad", "crop", "squash"] | None = None


class ListedFilm(Frozen):
    """A film by file and hash."""

    path: str
    sha256: Sha256

    def source(self) -> FilmFile:
        """What readers take: bytes of another hash are refused."""
        return FilmFile(Path(self.path), self.sha256)


ACCIDENTS = "accidents.quality"
"""Among an import's answers: the student's log-odds of test films that are made to look held or exported wrongly."""


class Films(Frozen):
    """The films that the import sees: novelty and quality are fitted on ``train``, both models run on ``val`` and
    ``test``."""

    train: tuple[ListedFilm, ...]
    val: tuple[ListedFilm, ...]
    test: tuple[ListedFilm, ...]


class Read(Frozen):
    """What was read of a checkpoint, in words and as data: goes into ``import.json`` as it is."""

    form: str
    file: str
    sha256: Sha256
    entry: str
    """Name of the state dict; empty for the only one."""
    prefix: str
    """What was taken off its keys."""
    keys: Annotated[int, Field(ge=0)]
    """How many tensors were taken."""
    renamed: dict[str, str] = {}
    """The network's key by the checkpoint's, where the two differ beyond the prefix."""
    unused: tuple[str, ...] = ()
    network: str
    """``torchvision/mobilenet_v2``, ``make_model of my_net.py``, or ``program``."""
    code_sha256: Sha256 | None = None
    """Of the Python file that made the network."""
    notes: tuple[str, ...] = ()


class Found(Frozen):
    """What the worker found and made."""

    read: Read
    input: InputSpec
    normalise: Normalise
    outputs: tuple[str, ...]
    """What the original answers, as it names it."""
    output: str
    """The one that was taken."""
    count: int
    """How many logits a film has."""
    probability: Probability | None
    """What was taken off the end."""
    heatmap: Heatmap
    why: str
    """Why the heatmap is of this kind."""
    parameters: int
    novelty_rank: int | None
    """None: no novelty score was fitted."""
    no_quality: str | None = "the import knew none"
    """Why there is no quality output; None: there is one."""
    labels: tuple[str, ...] | None
    """What the checkpoint itself calls its outputs."""
