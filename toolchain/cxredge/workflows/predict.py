"""Predicting: what a phone would say of films, and where in the film a finding comes from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle.bundle import read_any_manifest
from cxredge.bundle.manifest import FAILED, AnyManifest
from cxredge.errors import CxrError, InputError, counted, nearest, printable, some_of
from cxredge.files import write_bytes
from cxredge.images.acquisition import passing_over
from cxredge.images.claims import claims_film
from cxredge.images.film_file import FilmBytes, FilmFile
from cxredge.images.preprocess import preprocess, to_student
from cxredge.outputs import Outputs
from cxredge.places import check_outputs
from cxredge.progress import track
from cxredge.report.findings import (
    WHAT_TO_DO,
    Accident,
    FilmClass,
    FilmFindings,
    evidence,
    findings,
    held_back,
    looks,
    other_kind,
    suspicions,
)
from cxredge.targets import get_target
from cxredge.targets.runner import Runner
from cxredge.trees import TooManyFiles, walk
from cxredge.vocabulary import ArtifactName

MAX_FILES = 1_000_000
"""Files and folders below a folder of films."""
MAP_WORDS = {"exact": "where the logit comes from", "gradient": "what would move the logit (Grad-CAM)"}
"""Under a picture, by what the model's maps are."""


@dataclass(frozen=True)
class Heatmaps:
    """Where pictures go. place: a file for one film, a folder for several. label: None: the finding that stands out."""

    place: Path
    label: str | None


@dataclass(frozen=True)
class Prediction:
    """One film, and its findings or why it was refused."""

    film: Path
    findings: FilmFindings | FilmClass | None
    error: CxrError | None
    quality: tuple[Accident, ...] | None = None
    """Of a film that was refused because it looks as if it were exported or held wrongly."""


class _LooksWrong(Exception):
    def __init__(self, found: FilmFindings | FilmClass) -> None:
        self.found = found


class Predictor:
    """A checked bundle and one of its artifacts, on films.

    name: of the artifact; None: the primary one. other_kinds: read films of other modalities, body parts and views than
    the model takes, and say so. go_on: asked about every film that looks as if it were exported or held wrongly, before
    anything is said or drawn of it; None: such films are refused (PREDICT-QUALITY), but those that look mirrored alone.
    Raises InputError BUNDLE-*, MANIFEST-*, PREDICT-LABEL, PREDICT-HEATMAP, PREDICT-EMPTY,
    PREDICT-MANY, and what ``check_outputs`` raises.
    """

    def __init__(
        self,
        bundle: Path,
        films: Sequence[Path],
        name: str | None,
        heatmap: Path | None,
        label: str | None,
        other_kinds: bool = False,
        go_on: Callable[[FilmFindings | FilmClass], bool] | None = None,
    ) -> None:
        self.manifest: AnyManifest = read_any_manifest(bundle)
        self._entry = self.manifest.artifact(name or self.manifest.primary)
        self._file = bundle / self._entry.path
        names = self.manifest.model.names
        if label is not None and label not in names:
            raise InputError(
                "PREDICT-LABEL", f"the bundle has no label {label}", "choose one of its labels", nearest(label, names)
            )
        if heatmap is not None and self.manifest.model.heatmap == "none":
            raise InputError(
                "PREDICT-HEATMAP", f"the model of {self.manifest.id} has no heatmap", "leave --heatmap out"
            )
        self._films, self.left_out = _expand(films)
        self._other_kinds = other_kinds
        self._go_on = go_on
        if heatmap is not None and (len(self._films) > 1) == (heatmap.suffix.lower() == ".png"):
            raise InputError(
                "PREDICT-HEATMAP",
                f"--heatmap {heatmap} does not fit {counted(len(self._films), 'film')}",
                "name a .png for one film, a folder for several",
            )
        if heatmap is not None:
            # of what lies in a folder that is named, only links can be elsewhere too
            check_outputs([heatmap], [bundle, *films, *(film for film in self._films if film.is_symlink())])
        self._heatmaps = None if heatmap is None else Heatmaps(heatmap, label)

    @property
    def failed(self) -> bool:
        """Whether the bundle is what a build left whose gates were not kept."""
        return self.manifest.kind == FAILED

    @property
    def phantoms(self) -> bool:
        """Whether the model learnt from phantoms."""
        return self.manifest.model.phantom

    def run(self) -> Iterator[Prediction]:
        """Every film in its turn; one that cannot be read is told with its error, and the others go on."""
        with get_target(self._entry.target).open(self._file) as runner:
            # a bar would run over the questions
            films = self._films if self._go_on else track(self._films, "predict", total=len(self._films))
            for film in films:
                try:
                    found = self._one(runner, film)
                except _LooksWrong as wrong:
                    yield Prediction(film, None, _refused(wrong.found), wrong.found.quality)
                except CxrError as error:
                    yield Prediction(film, None, error)
                else:
                    yield Prediction(film, found, None)

    def _one(self, runner: Runner, film: Path) -> FilmFindings | FilmClass:
        model, name = self.manifest.model, self._entry.name
        file = FilmFile(film).read()
        pixels, passed_over = self._read(file)
        outputs = runner.run(to_student(pixels))
        self._check(outputs)
        digest = file.sha256
        found = findings(model, outputs, str(film), digest, self.manifest.id, name, self._entry.too_few, passed_over)
        if suspicions(found) and not (self._go_on(found) if self._go_on else not held_back(found)):
            raise _LooksWrong(found)
        if self._heatmaps is not None:
            from cxredge.report import heatmap

            label = self._heatmaps.label or found.foremost
            cam = outputs["cam"][0, model.names.index(label)]
            stream = io.BytesIO()
            heatmap.figure(pixels, cam, self._words(found, label, name)).save(stream, "PNG")
            write_bytes(self._place(self._heatmaps.place, film, digest), stream.getvalue())
        return found

    def _read(self, film: FilmBytes) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        """The film's pixels, and what of its header was passed over."""
        spec = self.manifest.model.input
        if self._other_kinds:
            return passing_over(spec, lambda loosened: preprocess(film, loosened))
        return preprocess(film, spec), ()

    def _check(self, outputs: Outputs) -> None:
        """Raises InputError RUN-OUTPUT when they are not the outputs that the manifest describes, as apps do."""
        wanted, found = self._entry.shapes(), {name: array.shape for name, array in outputs.items()}
        if found != wanted:
            raise InputError(
                "RUN-OUTPUT",
                f"{self._entry.name} gives {_said(found)}, and the manifest says {_said(wanted)}",
                "build the bundle again",
            )

    def _words(self, found: FilmFindings | FilmClass, label: str, name: ArtifactName) -> list[str]:
        return [
            found.words(label),
            f"{MAP_WORDS[self.manifest.model.heatmap]}, {self.manifest.id}, {name}; not a diagnosis",
            *([other_kind(found)] if found.passed_over else []),
            *([f"this film looks {looks(suspected)}"] if (suspected := suspicions(found)) else []),
        ]

    def _place(self, goal: Path, film: Path, digest: str) -> Path:
        # the digest keeps two films of the same name apart
        return goal / f"{film.stem}-{digest[:8]}.png" if len(self._films) > 1 else goal


def _refused(found: FilmFindings | FilmClass) -> InputError:
    suspected = suspicions(found)
    looked = " or ".join(f"{looks([accident])} ({evidence(accident)})" for accident in suspected)
    named = [f"if {looks([accident])}, " if len(suspected) > 1 else "" for accident in suspected]
    fixes = "; ".join(f"{name}{WHAT_TO_DO[a.kind]}" for name, a in zip(named, suspected, strict=True))
    return InputError(
        "PREDICT-QUALITY",
        f"this film looks {looked}",
        f"{fixes}; if it is as it should be, add --despite-quality",
    )


def _said(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())


def _expand(films: Sequence[Path]) -> tuple[list[Path], tuple[Path, ...]]:
    """Films, and files of folders that are none. Files as named; folders searched for files, hidden ones left out, in
    sorted order.

    A folder below that cannot be searched stands for itself, to be told as no film.
    """
    paths: list[Path] = []
    others: list[Path] = []
    for film in films:
        if film.is_dir():
            try:
                found = walk(film, MAX_FILES)
            except TooManyFiles as error:
                raise InputError(
                    "PREDICT-MANY",
                    f"the folder {film} holds more than {MAX_FILES} files and folders",
                    "name a smaller folder",
                ) from error
            claims = [error is not None or claims_film(path) for path, error in found]
            there = [path for (path, _), film_like in zip(found, claims, strict=True) if film_like]
            strange = [path for (path, _), film_like in zip(found, claims, strict=True) if not film_like]
            if not there:
                what = f"no film; {files_said(strange)}" if strange else "no file"
                raise InputError("PREDICT-EMPTY", f"the folder {film} holds {what}", "name a folder with films")
            paths += there
            others += strange
        else:
            paths.append(film)
    return paths, tuple(others)


def files_said(files: Sequence[Path]) -> str:
    """``3 files that are no films left out: labels.csv, README.md, SHA256SUMS``."""
    are = "that is no film" if len(files) == 1 else "that are no films"
    return f"{counted(len(files), 'file')} {are} left out: {some_of([printable(file.name) for file in files])}"
