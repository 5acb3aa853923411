"""The target protocol: lower a student to one file, read back what the file holds, and run it here.

Public methods check state and shapes and are the same for all; a target overrides the ``_impl`` parts only.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from cxredge.errors import CxrError, EnvironmentProblem, InputError, nearest
from cxredge.files import sha256_file
from cxredge.modelfile.contents import Contents
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.keep_float import Kept, KernelRead, kept_by_scheme, quantised_weights
from cxredge.quantize.ranges import CAM, LOGITS, RangeEstimator
from cxredge.recipe import Recipe
from cxredge.recipe_calibration import RangeRule
from cxredge.recipe_input import InputSpec
from cxredge.results import Artifact, Census, Delegation, TensorRange
from cxredge.targets.checks import check_census
from cxredge.targets.first_run import refusal
from cxredge.targets.lowering import Lowering
from cxredge.targets.lowering_error import lowering_error, running_error
from cxredge.targets.quiet import kept_quiet
from cxredge.targets.runner import Runner, Runtime
from cxredge.vocabulary import INTEGER_SCHEMES, ArtifactName, SchemeName, TargetName

if TYPE_CHECKING:
    from cxredge.students.base import Student
    from cxredge.targets.tracer import Origin, Tracer

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Availability:
    """Whether a target can be built and run on this machine, and if not why and what helps."""

    build: str | None
    """None: can be built here; else the reason why not."""
    run: str | None
    fix: str = ""


@dataclass(frozen=True)
class Lowered:
    """What ``_lower_impl`` hands back beside the file that it wrote."""

    ranges: tuple[TensorRange, ...] = ()
    cam_step: float | None = None
    """A 255th of the cam's calibrated range: what one step would be if the cam itself were 8-bit."""
    logit_step: float | None = None
    """The same of the logits, of a student without a cam."""
    nodes: Mapping[int, Any] = field(default_factory=dict)
    """Nodes of the lowered graph by the numbers that the runtime has for them, where it has."""

    @classmethod
    def calibrated(cls, estimator: RangeEstimator, rule: RangeRule) -> Self:
        """With what the estimator saw, ``ranges.watched_output`` among it."""
        cam = CAM in estimator.names()
        step = estimator.step(CAM if cam else LOGITS, rule)
        return cls(estimator.table(rule), cam_step=step if cam else None, logit_step=None if cam else step)


class Target(ABC):
    """One runtime. Stateless; ``lower`` and ``open`` may be called in any process."""

    name: ClassVar[TargetName]
    suffix: ClassVar[str]
    """File suffix with its dot."""
    folder_suffix: ClassVar[str] = ""
    """Suffix of folders that ``read`` takes as well, for formats that have both; empty for none."""
    layout: ClassVar[Literal["NCHW", "NHWC"]]
    """Axes of the file's own image and cam tensors; runners always take and give NCHW."""
    computes_in_half: ClassVar[bool] = False
    """Whether operators on float16 tensors round every sum to float16, and not only what they store."""
    schemes: ClassVar[tuple[SchemeName, ...]]
    seconds: ClassVar[Mapping[SchemeName, float]]
    """Roughly how long lowering a MobileNetV2-class student takes, so that the longest job starts first."""
    alone: ClassVar[bool] = False
    """Whether each artifact gets a process of its own, because its schemes share little and take long."""
    build_packages: ClassVar[tuple[str, ...]]
    run_packages: ClassVar[tuple[str, ...]]
    """Distribution names whose versions are recorded, and whose absence is the reason why not."""
    stand_ins: ClassVar[Mapping[str, str]] = {}
    """Packages that nothing needs, by name, and what takes their part where they are not installed."""

    exporter_modules: ClassVar[tuple[str, ...]]
    runtime_modules: ClassVar[tuple[str, ...]]
    """Modules whose import shows that lowering, or running, would find its packages whole."""

    def import_exporter(self) -> None:
        """Import what lowering imports; whatever is wrong with the packages is raised."""
        for module in self.exporter_modules:
            importlib.import_module(module)

    def import_runtime(self) -> None:
        """Import what running imports."""
        for module in self.runtime_modules:
            importlib.import_module(module)

    def availability(self) -> Availability:
        """Look at installed packages only; imports nothing heavy."""

        def missing(packages: tuple[str, ...]) -> str | None:
            lacking = [p for p in packages if _version(p) is None]
            return f"not installed: {', '.join(lacking)}" if lacking else self._obstacle_impl()

        build, run = missing(self.build_packages), missing(self.run_packages)
        fix = (
            ""
            if build is None and run is None
            else "install cxredge again (in the repository: make setup), on a platform that docs/set-up.md names"
        )
        return Availability(build, run, fix)

    def lower(self, lowering: Lowering, scheme: SchemeName, folder: Path) -> Artifact:
        """Write ``<scheme><suffix>`` into ``folder``, and describe it from its own bytes.

        The bytes depend on neither the other schemes of ``lowering`` nor their order. Modules that
        ``recipe.keep_float`` names for the artifact compute in it as the float student does.
        Raises InputError TARGET-SCHEME, CALIBRATION-NEEDED, CALIBRATION-NAN, STUDENT-TRAINING, STUDENT-CONTRACT,
        KEEP-FLOAT, KEEP-FLOAT-PATTERN, KEEP-FLOAT-ALL (nothing would be left in INT8),
        TARGET-LOWERING (operator, module and source line named; also of a file that its own runtime then refuses) or
        TARGET-CENSUS (the file is not what was asked for).
        """
        name = ArtifactName.of(self.name, scheme)
        self._check_scheme(scheme, lowering.calibration)
        with self._explained(name, lowering):
            lowering.check()
        student, recipe = lowering.student, lowering.recipe
        kept = kept_by_scheme(self.name, student, [scheme], recipe)[scheme]
        path = folder / f"{scheme}{self.suffix}"
        with self._explained(name, lowering):
            key = scheme if name.integer else None, kept.modules
            if key not in lowering.prepared:
                source, place = lowering.source(*key), lowering.place()
                lowering.prepared[key] = self._prepare_impl(source, recipe.input, place)
            films = lowering.calibration if scheme == "w8a8" else None
            lowered = self._lower_impl(lowering.prepared[key], scheme, recipe, films, kept.modules, path)
        self._run_once(name, student, recipe.input, lowered, path)
        reads = (read for read in lowering.kernels if not name.integer or self.has_int8(read))
        asked = quantised_weights(reads, kept.modules if name.integer else frozenset())
        return self._describe(name, lowered, kept, asked, path)

    def _check_scheme(self, scheme: SchemeName, calibration: CalibrationFilms | None) -> None:
        if scheme not in self.schemes:
            raise InputError(
                "TARGET-SCHEME",
                f"{self.name} has no scheme {scheme}",
                "choose one that it has",
                nearest(scheme, self.schemes),
            )
        if scheme in INTEGER_SCHEMES and calibration is None:
            raise InputError(
                "CALIBRATION-NEEDED", f"{self.name}/{scheme} needs calibration films", "pass the calibration split"
            )

    @contextmanager
    def _explained(self, name: ArtifactName, lowering: Lowering) -> Iterator[None]:
        """Turn whatever an exporter raises into TARGET-LOWERING; our own errors and the machine's pass."""
        try:
            yield
        except (CxrError, MemoryError, OSError):
            raise
        except Exception as error:
            raise lowering_error(name, lowering.student, lowering.recipe.input, error) from error

    def _run_once(self, name: ArtifactName, student: Student, spec: InputSpec, lowered: Lowered, path: Path) -> None:
        """Raises InputError TARGET-LOWERING where the file's own runtime refuses it; without one, nothing is opened."""
        if self.availability().run is not None:
            return
        error = refusal(lambda: self.open(path), spec)
        if error is not None:
            path.unlink()
            node = self._culprit_impl(lowered, error.cause)
            raise running_error(name, student, spec, node, error.cause) from error

    def _describe(
        self, name: ArtifactName, lowered: Lowered, kept: Kept, asked: tuple[int, int], path: Path
    ) -> Artifact:
        census, delegation = self.inspect(path)
        check_census(name, name.scheme, census, asked)
        return Artifact(
            name=name,
            target=self.name,
            scheme=name.scheme,
            file=path.name,
            bytes=path.stat().st_size,
            sha256=sha256_file(path),
            census=census,
            delegation=delegation,
            ranges=lowered.ranges,
            kept_float=kept.units,
            cam_step=lowered.cam_step,
            logit_step=lowered.logit_step,
            tools=self.tools(),
        )

    def read(self, path: Path) -> Contents:
        """What the file holds, by parsers alone. Raises whatever they raise for a damaged file.

        A file from anywhere is for ``inspection.inspect_file``, which reads it in a process with limits.
        """
        return self._read_impl(path)

    def inspect(self, path: Path) -> tuple[Census, Delegation | None]:
        """Dtypes and delegation of a trusted (hash-checked) file.

        The delegation is None where the runtime decides on the device, and the file says nothing.
        Raises InputError TARGET-LOAD.
        """
        try:
            found = self._read_impl(path)
            return found.census, found.delegation or self._delegation_impl(path)
        except Exception as error:
            raise InputError(
                "TARGET-LOAD",
                f"{path} is not a readable {self.suffix}: {error}",
                "get it anew, or build it again: the file is damaged",
            ) from error

    def open(self, path: Path, threads: int = 1) -> Runner:
        """A runner for a trusted (hash-checked) file.

        Raises InputError TARGET-LOAD, EnvironmentProblem TARGET-UNAVAILABLE.
        """
        obstacle = self.availability().run
        if obstacle is not None:
            raise EnvironmentProblem(
                "TARGET-UNAVAILABLE", f"{self.name} cannot run here: {obstacle}", "see `cxredge doctor`"
            )
        said: list[str] = []
        try:
            with kept_quiet() as said:
                return self._loaded(path, lambda: self._open_impl(path, threads))
        except CxrError as error:
            error.cause += f" (the runtime said: {' | '.join(said)[-400:]})" if said else ""
            raise

    def tracer(self, path: Path, origin: Origin) -> Tracer:
        """What reads the intermediate tensors of a trusted (hash-checked) file that was lowered from ``origin``.

        Raises InputError TARGET-LOAD.
        """
        with kept_quiet():
            return self._loaded(path, lambda: self._tracer_impl(path, origin))

    def _loaded(self, path: Path, load: Callable[[], Loaded]) -> Loaded:
        """What ``load`` gives. Raises InputError TARGET-LOAD for whatever else than our own errors it raises."""
        try:
            return load()
        except (CxrError, MemoryError, ImportError):
            raise
        except Exception as error:
            raise InputError(
                "TARGET-LOAD",
                f"{self.name} cannot load {path}: {error}",
                "get it anew, or build it again: the file is damaged",
            ) from error

    def float_tracer(self, origin: Origin) -> Tracer | None:
        """The same of a float32 twin that needs no file; None: lower one, and trace that.

        The twin's tensors have the names of the artifact's, and the values of the student's.
        """
        return None

    def has_int8(self, layer: KernelRead) -> bool:
        """Whether this target's INT8 has a form of such a layer; others stay in float."""
        return True

    @abstractmethod
    def runtime(self) -> Runtime:
        """What ``open`` runs a file with, here."""

    def tools(self) -> dict[str, str]:
        """Versions of the packages that decide what the artifact is."""
        packages = {*self.build_packages, *self.run_packages, *self.stand_ins}
        return {p: v for p in sorted(packages) if (v := _version(p)) is not None}

    def _obstacle_impl(self) -> str | None:
        """A reason, beyond missing packages, why this machine cannot build or run the target."""
        return None

    @abstractmethod
    def _prepare_impl(self, student: Student, spec: InputSpec, work: Path) -> Any:
        """What all schemes start from; ``work`` is an empty folder that lives until the last scheme is done."""

    @abstractmethod
    def _lower_impl(
        self,
        prepared: Any,
        scheme: SchemeName,
        recipe: Recipe,
        calibration: CalibrationFilms | None,
        kept: frozenset[str],
        path: Path,
    ) -> Lowered:
        """Write ``path``. ``prepared`` is left as it was. ``kept``: modules whose operators INT8 leaves in float."""

    def _culprit_impl(self, lowered: Lowered, said: str) -> Any | None:
        """The node of ``lowered.nodes`` that the runtime names in what it said of a file that it refused."""
        return None

    @abstractmethod
    def _read_impl(self, path: Path) -> Contents:
        """Parse the file; no runtime loads it, and nothing that it says is taken for true."""

    def _delegation_impl(self, path: Path) -> Delegation | None:
        """Ask the runtime, where the contents do not say it; None when only a device could answer."""
        return None

    @abstractmethod
    def _open_impl(self, path: Path, threads: int) -> Runner: ...

    @abstractmethod
    def _tracer_impl(self, path: Path, origin: Origin) -> Tracer: ...


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
