"""The target protocol: lower a student to one file, read back what the file holds, and run it here.

Public methods check state and shapes and are the same for all; a target overrides the ``_impl`` parts only.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from cxredge.errors import CxrError, EnvironmentProblem, InputError, nearest
from cxredge.files import sha256_file
from cxredge.modelfile.contents import Contents
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.keep_float import Kept, kept_by_scheme, quantised_weights
from cxredge.recipe import InputSpec, Recipe
from cxredge.results import Artifact, Census, Delegation, TensorRange
from cxredge.targets.checks import check_census, check_student
from cxredge.targets.lowering_error import lowering_error
from cxredge.targets.quiet import kept_quiet
from cxredge.targets.runner import Runner, Runtime
from cxredge.vocabulary import INTEGER_SCHEMES, SchemeName, TargetName

if TYPE_CHECKING:
    from cxredge.students.base import Student
    from cxredge.targets.tracer import Origin, Tracer


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
    build_packages: ClassVar[tuple[str, ...]]
    run_packages: ClassVar[tuple[str, ...]]
    """Distribution names whose versions are recorded, and whose absence is the reason why not."""

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
        fix = "" if build is None and run is None else "run `make setup` in the repository, on a platform of the lock"
        return Availability(build, run, fix)

    def lower(
        self,
        student: Student,
        schemes: Sequence[SchemeName],
        recipe: Recipe,
        calibration: CalibrationFilms | None,
        folder: Path,
        rounded: Student | None = None,
    ) -> Iterator[Artifact]:
        """Write ``<scheme><suffix>`` into ``folder`` for each scheme, and describe each from its own bytes.

        rounded: the student after ``round_weights`` with these films, if it is at hand: INT8 schemes start from it.
        What the schemes share is done once. Each file's bytes depend on neither the other schemes nor their order.
        Modules that ``recipe.keep_float`` names for an artifact compute in it as the float student does.
        Raises InputError TARGET-SCHEME, CALIBRATION-NEEDED, CALIBRATION-NAN, STUDENT-TRAINING, STUDENT-CONTRACT,
        KEEP-FLOAT, KEEP-FLOAT-PATTERN, KEEP-FLOAT-ALL (nothing would be left in INT8),
        TARGET-LOWERING (operator, module and source line named) or TARGET-CENSUS (the file is not what was asked for).
        """
        for scheme in schemes:
            self._check_scheme(scheme, calibration)
        if student.training:
            raise InputError(
                "STUDENT-TRAINING",
                "the student is in training mode: batch statistics and dropout would be frozen into the artifact",
                "call student.eval() first",
            )
        check_student(student, recipe.input, recipe.labels)
        kept = kept_by_scheme(self.name, student, schemes, recipe)
        with tempfile.TemporaryDirectory(prefix="cxredge-lower-") as work:
            prepared: dict[tuple[bool, frozenset[str]], Any] = {}
            for scheme in schemes:
                path = folder / f"{scheme}{self.suffix}"
                with self._explained(scheme, student, recipe.input):
                    modules = kept[scheme].modules
                    key = scheme in INTEGER_SCHEMES, modules
                    if key not in prepared:
                        source = student
                        if scheme in INTEGER_SCHEMES:
                            rounded = rounded or _rounded(student, recipe.input, calibration)
                            source = _put_back(rounded, student, recipe.input, modules)
                        place = Path(work) / str(len(prepared))
                        place.mkdir()
                        prepared[key] = self._prepare_impl(source, recipe.input, place)
                    films = calibration if scheme == "w8a8" else None
                    lowered = self._lower_impl(prepared[key], scheme, recipe, films, modules, path)
                asked = quantised_weights(student, modules) if scheme in INTEGER_SCHEMES else 0
                yield self._describe(scheme, lowered, kept[scheme], asked, path)

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
    def _explained(self, what: str, student: Student, spec: InputSpec) -> Iterator[None]:
        """Turn whatever an exporter raises into TARGET-LOWERING; our own errors and the machine's pass."""
        try:
            yield
        except (CxrError, MemoryError, OSError):
            raise
        except Exception as error:
            raise lowering_error(f"{self.name}/{what}", student, spec, error) from error

    def _describe(self, scheme: SchemeName, lowered: Lowered, kept: Kept, asked: int, path: Path) -> Artifact:
        census, delegation = self.inspect(path)
        check_census(f"{self.name}/{scheme}", scheme, census, asked)
        return Artifact(
            name=f"{self.name}/{scheme}",
            target=self.name,
            scheme=scheme,
            file=path.name,
            bytes=path.stat().st_size,
            sha256=sha256_file(path),
            census=census,
            delegation=delegation,
            ranges=lowered.ranges,
            kept_float=kept.units,
            cam_step=lowered.cam_step,
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
        Raises EnvironmentProblem TARGET-LOAD.
        """
        try:
            found = self._read_impl(path)
            return found.census, found.delegation or self._delegation_impl(path)
        except Exception as error:
            raise EnvironmentProblem(
                "TARGET-LOAD", f"{path} is not a readable {self.suffix}: {error}", "build it again"
            ) from error

    def open(self, path: Path, threads: int = 1) -> Runner:
        """A runner for a trusted (hash-checked) file. Raises EnvironmentProblem TARGET-LOAD."""
        obstacle = self.availability().run
        if obstacle is not None:
            raise EnvironmentProblem(
                "TARGET-UNAVAILABLE", f"{self.name} cannot run here: {obstacle}", "see `cxredge doctor`"
            )
        said: list[str] = []
        try:
            with kept_quiet() as said:
                return self._open_impl(path, threads)
        except EnvironmentProblem as error:
            error.cause += f" (the runtime said: {' | '.join(said)[-400:]})" if said else ""
            raise

    def tracer(self, path: Path, origin: Origin) -> Tracer:
        """What reads the intermediate tensors of a trusted (hash-checked) file that was lowered from ``origin``.

        Raises EnvironmentProblem TARGET-LOAD.
        """
        try:
            with kept_quiet():
                return self._tracer_impl(path, origin)
        except (CxrError, MemoryError):
            raise
        except Exception as error:
            raise EnvironmentProblem(
                "TARGET-LOAD", f"{self.name} cannot load {path}: {error}", "build it again; its file is damaged"
            ) from error

    def float_tracer(self, origin: Origin, work: Path) -> Tracer:
        """The same of a float32 twin: its tensors have the names of the artifact's, and the values of the student's.

        work: a folder for the twin's file.
        """
        (twin,) = self.lower(origin.student, ["fp32"], origin.recipe, None, work)
        return self.tracer(work / twin.file, replace(origin, scheme="fp32", calibration=None))

    @abstractmethod
    def runtime(self) -> Runtime:
        """What ``open`` runs a file with, here."""

    def tools(self) -> dict[str, str]:
        """Versions of the packages that decide what the artifact is."""
        return {p: v for p in sorted({*self.build_packages, *self.run_packages}) if (v := _version(p)) is not None}

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


def _rounded(student: Student, spec: InputSpec, calibration: CalibrationFilms | None) -> Student:
    from cxredge.quantize.rounding import round_weights

    assert calibration is not None  # _check_scheme has seen to it
    return round_weights(student, spec, calibration.images)


def _put_back(rounded: Student, student: Student, spec: InputSpec, kept: frozenset[str]) -> Student:
    from cxredge.quantize.rounding import put_back

    return put_back(rounded, student, spec, kept)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
