"""One artifact: lowered from the recipe's student, or out of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cxredge.files import write_text
from cxredge.recipe import Recipe
from cxredge.results import Artifact
from cxredge.stages import Stage, Store
from cxredge.targets import get_target, target_module
from cxredge.vocabulary import ArtifactName
from cxredge.workers.jobs.lower import Lower
from cxredge.workers.jobs.lowered import RECORD, read_record
from cxredge.workers.task import AnyJob
from cxredge.workflows.stages.base import ByJob, Here, Ticket, Where
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.stages.rounding import RoundedWeights
from cxredge.workflows.stages.student import student_inputs


class LoweredArtifact(ByJob):
    """The artifact's file and its record, ``artifact.json``.

    calibration, rounded: for INT8 schemes. label: tells it from others of its name, where there are any.
    """

    kind = "artifacts"
    kept = "same student, weights, films, tools and code as last time"
    missing = "no artifact of this student, weights, films, tools and code is kept"
    refusable = True

    def __init__(
        self,
        recipe: Recipe,
        weights: Path,
        artifact: ArtifactName,
        calibration: Pictures | None,
        rounded: RoundedWeights | None,
        label: str = "",
    ) -> None:
        target = get_target(artifact.target)
        self.recipe = recipe
        self.weights = weights
        self.artifact = artifact
        self.calibration = calibration if artifact.integer else None
        self.rounded = rounded
        self.label = label
        self.step = f"lower {artifact}{label}"
        self.process = (artifact if target.alone else artifact.target) + label
        self.cost = target.seconds[artifact.scheme]
        self.code = (Lower.__module__, target_module(target.name))  # the job looks its target up by name
        self.packages = tuple(target.tools())

    @property
    def inputs(self) -> Mapping[str, object]:
        """Of the recipe, what lowering reads."""
        r, name = self.recipe, self.artifact
        return {
            **student_inputs(r),
            "artifact": name,
            "labels": list(r.labels.names),
            "model": [r.name, r.version, r.licence, r.card.summary],
            "keep_float": list(r.keep_float.get(name, ())),
            "ranges": r.calibration.rule.model_dump(mode="json") if name.scheme == "w8a8" else None,
        }

    @property
    def needs(self) -> tuple[Stage, ...]:
        """For INT8 the films that set ranges, and the rounded weights."""
        return tuple(need for need in (self.calibration, self.rounded) if need is not None)

    def obstacle(self) -> str | None:
        """By installed packages."""
        return get_target(self.artifact.target).availability().build

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Lowers it."""
        return Lower(
            **ticket,
            artifact=self.artifact,
            recipe=self.recipe,
            weights=str(self.weights),
            calibration=None if self.calibration is None else str(where(self.calibration)),
            rounded=None if self.rounded is None else str(where(self.rounded)),
        )

    def record(self, store: Store) -> Artifact:
        """What the file is, once it is there."""
        return read_record(store.folder(self))


class BundledArtifact(Here):
    """An artifact of a checked bundle, as if it had been lowered. file: in the bundle."""

    kind = "bundled"
    kept = missing = "as the bundle holds it"
    code = ("cxredge.files",)
    packages = ()

    def __init__(self, artifact: Artifact, file: Path) -> None:
        self.artifact = artifact.name
        self.label = ""
        self.process: str = artifact.target
        self.step = f"take {artifact.name}"
        self._artifact = artifact
        self._file = file

    @property
    def inputs(self) -> Mapping[str, object]:
        """By hash."""
        return {"artifact": self.artifact, "sha256": self._artifact.sha256}

    def make(self, folder: Path, store: Store) -> None:
        """A link: the file stays where it is."""
        (folder / self._artifact.file).symlink_to(self._file.resolve())
        write_text(folder / RECORD, self._artifact.model_dump_json(indent=2))

    def record(self, store: Store) -> Artifact:
        """What the file is."""
        return self._artifact
