"""Importing a network: it is read, run and exported here, where a crash, or code that hangs, ends nothing else."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from cxredge.errors import CxrError, InputError, counted, raised
from cxredge.files import write_bytes, write_text
from cxredge.importing.plan import ACCIDENTS, KINDS, Films, Found, ListedFilm, Source, Wanted
from cxredge.statistics.probabilities import Kind
from cxredge.workers.jobs.base import Desk, Job

if TYPE_CHECKING:
    from torch import Tensor

    from cxredge.importing.making import Made
    from cxredge.importing.network import Original
    from cxredge.importing.transforms import Transform
    from cxredge.recipe_input import InputSpec
    from cxredge.recipe_student import Normalise

PROGRAM, FOUND, ANSWERS = "student.pt2", "found.json", "answers.safetensors"
"""What it writes: the student, a ``Found``, and what original and student said."""
PATIENCE = 600.0
"""Seconds."""


class ImportNetwork(Job):
    """Writes ``found.json``, and with films ``student.pt2`` and ``answers.safetensors``.

    labels: how many outputs are named, or 0; label_kind: what they are, where that is known. patience: seconds in which
    the network has to be made, and to answer. films: None where nothing but reading and exporting is asked for.
    """

    kind: Literal["import"] = "import"
    source: Source
    wanted: Wanted
    labels: int
    label_kind: Kind | None = None
    novelty: bool
    quality: bool = False
    transform: str | None = None
    films: Films | None = None
    patience: float = PATIENCE

    def do(self, desk: Desk) -> None:
        """Raises InputError IMPORT-*, PROGRAM-*, and what reading films raises."""
        from cxredge.importing.input import resolved
        from cxredge.importing.network import load_original

        wanted = self.wanted
        desk.single_thread()
        with answering("be made and exported", self.patience):
            original = load_original(self.source, self.labels, wanted.size)
        transform = None if self.transform is None else self._made_transform(original)
        desk.say(f"read {original.read.network}: {counted(original.read.keys, 'tensor')} of {original.read.file}")
        spec, normalise = resolved(wanted, original.facts, original.channels, original.size)
        if transform is not None and self.films is not None:
            with answering("have a film behind its own preprocessing", self.patience):
                transform.of(self.films.test[0].source(), spec)  # of another shape, or random: before anything slow
        found = self._found(desk, original, spec, normalise, transform)
        write_text(self.place / FOUND, found.model_dump_json(indent=2))

    def _made_transform(self, original: Original) -> Transform:
        """The original's own preprocessing, before anything slow: the code that makes it may not run."""
        from cxredge.importing.transforms import Transform

        assert self.transform is not None
        with answering("have its preprocessing made", self.patience):
            return Transform(self.transform, original.channels, original.size)

    def _found(
        self, desk: Desk, original: Original, spec: InputSpec, normalise: Normalise, transform: Transform | None
    ) -> Found:
        from cxredge.importing.making import Heads, make_student

        films = self.films
        heads = Heads(self.novelty, spec if self.quality else None)
        fitted = films is not None and (self.novelty or self.quality)
        train = self._pixels(desk, films.train, spec, "train") if films is not None and fitted else None
        desk.say("dividing it in backbone and head")
        # six films are shown for each training film: as it is, and with every accident
        with answering("be divided, and show its features", self.patience * (3 if self.quality else 1)):
            made = make_student(original, normalise, train, heads)
        check_end(made.count, made.divided.probability, self.labels, self.label_kind)
        if films is not None:
            self._ask(desk, original, spec, normalise, made, films, transform)
            write_bytes(self.place / PROGRAM, made.program)
        return Found(
            read=original.read,
            input=spec,
            normalise=normalise,
            outputs=original.outputs,
            output=original.output,
            count=made.count,
            probability=made.divided.probability,
            heatmap=made.divided.heatmap,
            why=made.divided.why,
            parameters=sum(p.numel() for p in original.net.parameters()),
            novelty_rank=made.rank,
            no_quality=made.no_quality,
            labels=original.facts.labels,
        )

    def _ask(
        self,
        desk: Desk,
        original: Original,
        spec: InputSpec,
        normalise: Normalise,
        made: Made,
        films: Films,
        transform: Transform | None,
    ) -> None:
        """Run both on validation and test films, and write what they said."""
        import torch
        from safetensors.torch import save

        from cxredge.data.accidents import accident_films, accidents
        from cxredge.importing.answers import original_answers, own_answers, student_answers
        from cxredge.students.program_file import read_program
        from cxredge.students.program_student import ProgramStudent

        # read as a build reads it
        student = ProgramStudent(normalise, read_program(made.program, "the student"), made.outputs).eval()
        said: dict[str, Tensor] = {}
        for split, listed in (("val", films.val), ("test", films.test)):
            pixels = self._pixels(desk, listed, spec, split)
            desk.say(f"running original and student on {len(listed)} {split} films")
            with answering(f"answer {len(listed)} films", self.patience):
                said[f"{split}.original"] = original_answers(original, normalise, pixels)
            answers = student_answers(student, made.outputs, pixels, made.divided.heatmap == "exact")
            said |= {f"{split}.{name}": tensor for name, tensor in answers.items()}
        if "quality" in made.outputs:
            # pixels: of the test films
            changed = torch.from_numpy(accidents(pixels.numpy()[accident_films(len(films.test))], spec))
            desk.say(f"running the student on {len(changed)} test films held or exported wrongly")
            with answering(f"answer {len(changed)} films", self.patience):
                said[ACCIDENTS] = student_answers(student, ("quality",), changed, False)["quality"]
        if transform is not None:
            desk.say(f"running the original on {len(films.test)} test films behind its own preprocessing")
            with answering(f"answer {len(films.test)} films behind its own preprocessing", self.patience):
                said["test.own"] = own_answers(original, transform, [film.source() for film in films.test], spec)
        write_bytes(self.place / ANSWERS, save({name: tensor.contiguous() for name, tensor in said.items()}))

    def _pixels(self, desk: Desk, films: Sequence[ListedFilm], spec: InputSpec, what: str) -> Tensor:
        """uint8[N, ch, H, W]."""
        import torch

        from cxredge.images.preprocess import preprocess_films

        desk.say(f"reading {counted(len(films), f'{what} film')}")
        try:
            return torch.from_numpy(preprocess_films([film.source() for film in films], spec, what))
        except InputError as error:
            if error.code == "IMG-COLOUR" and not self.wanted.colour:
                error.fix = f"say --colour if the network takes colours; else {error.fix}"
            raise


def check_end(count: int, probability: str | None, labels: int, kind: Kind | None) -> None:
    """Raises InputError IMPORT-LABELS or IMPORT-KIND: the network's end, a ``probability`` of ``count`` numbers, is not
    of these labels."""
    if labels not in (0, count):
        raise InputError(
            "IMPORT-LABELS",
            f"the network has {counted(count, 'output')}, and {counted(labels, 'label')} "
            f"{'is' if labels == 1 else 'are'} named",
            "name every output in its order (--labels)",
        )
    said = KINDS.get(probability or "", kind)
    if kind is not None and said != kind:
        raise InputError(
            "IMPORT-KIND",
            f"the network ends in a {probability}, which is for {said}, and the labels are {kind}",
            "name labels and a set of the network's kind",
        )


@contextmanager
def answering(to: str, patience: float) -> Iterator[None]:
    """Ends this process, and what it started, where the network takes longer than ``patience`` seconds to do ``to``."""

    def give_up() -> None:
        print(f"the network took more than {patience:g} s to {to}", file=sys.stderr, flush=True)
        os.killpg(0, signal.SIGKILL)

    timer = threading.Timer(patience, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (CxrError, MemoryError, OSError, KeyboardInterrupt):
        raise
    except BaseException as error:  # of foreign code: SystemExit, and what derives from nothing else, too
        lines = [f"{PurePath(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        raise InputError(
            "IMPORT-RUN",
            f"the network could not {to}: {raised(error)} (at {lines[-1] if lines else 'no line'})",
            "try it alone, on the CPU, and correct what raises this",
        ) from error
    finally:
        timer.cancel()
