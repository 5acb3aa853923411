"""The target protocol: lower a student to one file, read back what the file holds, and run it here.

Public methods check state and shapes and are the same for all; a target overrides the ``_impl`` parts only.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import CxrError, EnvironmentProblem, InputError, nearest
from cxredge.files import sha256_file
from cxredge.outputs import OUTPUT_NAMES, Outputs, check_outputs
from cxredge.recipe import InputSpec, Labels, SchemeName, TargetName
from cxredge.results import Artifact, Census, Delegation, TensorRange
from cxredge.targets.lowering_error import lowering_error

if TYPE_CHECKING:
    from cxredge.students.base import Student

QUANTISED = "backbone"
"""The one module of the student that INT8 schemes quantise. Normalisation, head and novelty stay in float: they cost
next to nothing, and logits and cam get no steps of their own."""


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


@dataclass(frozen=True)
class CalibrationFilms:
    """Preprocessed calibration films and the percentile their ranges keep.

    images: uint8[N, ch, H, W], values 0..255 (float32 of the same values is what the student takes).
    """

    images: NDArray[np.uint8]
    percentile: float


class Target(ABC):
    """One runtime. Stateless; ``lower`` and ``open`` may be called in any process."""

    name: ClassVar[TargetName]
    suffix: ClassVar[str]
    """File suffix with its dot."""
    layout: ClassVar[Literal["NCHW", "NHWC"]]
    """Axes of the file's own image and cam tensors; runners always take and give NCHW."""
    schemes: ClassVar[tuple[SchemeName, ...]]
    build_packages: ClassVar[tuple[str, ...]]
    run_packages: ClassVar[tuple[str, ...]]
    """Distribution names whose versions are recorded, and whose absence is the reason why not."""

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
        scheme: SchemeName,
        spec: InputSpec,
        labels: Labels,
        calibration: CalibrationFilms | None,
        path: Path,
    ) -> Artifact:
        """Write ``path`` and describe it from its own bytes.

        Raises InputError TARGET-SCHEME, CALIBRATION-NEEDED, CALIBRATION-NAN, STUDENT-TRAINING, STUDENT-CONTRACT,
        TARGET-LOWERING (operator, module and source line named) or TARGET-CENSUS (the file is not what was asked for).
        """
        if scheme not in self.schemes:
            raise InputError(
                "TARGET-SCHEME",
                f"{self.name} has no scheme {scheme}",
                "choose one that it has",
                nearest(scheme, self.schemes),
            )
        if student.training:
            raise InputError(
                "STUDENT-TRAINING",
                "the student is in training mode: batch statistics and dropout would be frozen into the artifact",
                "call student.eval() first",
            )
        if scheme == "w8a8" and calibration is None:
            raise InputError(
                "CALIBRATION-NEEDED", f"{self.name}/{scheme} needs calibration films", "pass the calibration split"
            )
        _check_student(student, spec, labels)
        try:
            lowered = self._lower_impl(student, scheme, spec, labels, calibration if scheme == "w8a8" else None, path)
        except (CxrError, MemoryError, OSError):
            raise
        except Exception as error:
            raise lowering_error(f"{self.name}/{scheme}", student, spec, error) from error
        census, delegation = self.inspect(path)
        self._check_census(scheme, census)
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
            cam_step=lowered.cam_step,
            tools=self.tools(),
        )

    def inspect(self, path: Path) -> tuple[Census, Delegation]:
        """Read back dtypes and delegation from a trusted (hash-checked) file."""
        return self._inspect_impl(path)

    def open(self, path: Path, threads: int = 1) -> Runner:
        """A runner for a trusted (hash-checked) file. Raises EnvironmentProblem TARGET-LOAD."""
        obstacle = self.availability().run
        if obstacle is not None:
            raise EnvironmentProblem(
                "TARGET-UNAVAILABLE", f"{self.name} cannot run here: {obstacle}", "see `cxredge doctor`"
            )
        return self._open_impl(path, threads)

    def tools(self) -> dict[str, str]:
        """Versions of the packages that decide what the artifact is."""
        return {p: v for p in sorted({*self.build_packages, *self.run_packages}) if (v := _version(p)) is not None}

    def _obstacle_impl(self) -> str | None:
        """A reason, beyond missing packages, why this machine cannot build or run the target."""
        return None

    @abstractmethod
    def _lower_impl(
        self,
        student: Student,
        scheme: SchemeName,
        spec: InputSpec,
        labels: Labels,
        calibration: CalibrationFilms | None,
        path: Path,
    ) -> Lowered: ...

    @abstractmethod
    def _inspect_impl(self, path: Path) -> tuple[Census, Delegation]: ...

    @abstractmethod
    def _open_impl(self, path: Path, threads: int) -> Runner: ...

    def _check_census(self, scheme: SchemeName, census: Census) -> None:
        """Hold what was read back against what was asked for."""
        total = sum(census.weight_bytes.values())
        int8 = sum(n for d, n in census.weight_bytes.items() if d in ("int8", "uint8"))
        quantised = any(d in ("int8", "uint8") for d in census.activations)
        wrong = None
        if scheme in ("w8", "w8a8") and int8 < 0.5 * total:
            wrong = f"only {int8} of {total} constant bytes are 8-bit"
        if scheme == "w8a8" and not quantised:
            wrong = "no activation is 8-bit"
        if scheme in ("fp32", "fp16") and (int8 > 0.05 * total or quantised):
            wrong = "it holds 8-bit weights or activations"
        if scheme == "fp16" and census.weight_bytes.get("float16", 0) < 0.5 * total:
            wrong = "most of its constant bytes are not float16"
        if any(d != "float32" for d in {**census.inputs, **census.outputs}.values()):
            wrong = f"its inputs and outputs are not all float32: {census.inputs} -> {census.outputs}"
        if wrong is not None:
            raise InputError(
                "TARGET-CENSUS",
                f"{self.name}/{scheme} was asked for, but the file says otherwise: {wrong}",
                "the exporter skipped what it was told; report the student and the package versions",
            )


class Runner(ABC):
    """One loaded artifact: a context manager that runs one image at a time.

    spec: the input that it takes; classes: number of labels C, or None before the first run.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the runtime's memory; a second call does nothing."""
        if self._open:
            self._open = False
            self._close_impl()

    def run(self, image: NDArray[np.float32]) -> Outputs:
        """Run one image.

        image: float32[1, ch, H, W], values 0..255, finite. Returns copies (see ``Outputs``, N = 1).
        Raises InputError RUN-INPUT (dtype, rank, NaN), RUN-OUTPUT (names or values that break the contract).
        """
        if not self._open:
            raise InputError("RUN-CLOSED", f"{self.what} was closed", "open the artifact again")
        if image.dtype != np.float32 or image.ndim != 4 or image.shape[0] != 1:
            raise InputError(
                "RUN-INPUT",
                f"{self.what} takes float32[1, ch, H, W], not {image.dtype}{list(image.shape)}",
                "preprocess the film with the manifest's input spec",
            )
        if not np.isfinite(image).all():
            raise InputError("RUN-INPUT", f"the image for {self.what} holds NaN or infinity", "check the film's pixels")
        outputs = self._run_impl(np.ascontiguousarray(image))
        return check_outputs(self.what, outputs, 1)

    @abstractmethod
    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]: ...

    def _close_impl(self) -> None:
        """Nothing to free, unless a target says otherwise."""


def _check_student(student: Student, spec: InputSpec, labels: Labels) -> None:
    """Run a grey image. Raises InputError STUDENT-CONTRACT: output names, their order, or the number of labels."""
    import torch

    with torch.no_grad():
        outputs = student(torch.full((1, spec.channels, spec.height, spec.width), 127.0))
    shapes = {name: tuple(tensor.shape) for name, tensor in outputs.items()}
    if tuple(outputs) != OUTPUT_NAMES or shapes["logits"] != (1, len(labels.names)):
        raise InputError(
            "STUDENT-CONTRACT",
            f"the student answers {shapes}, not {', '.join(OUTPUT_NAMES)} in this order with {len(labels.names)} logits",
            "keep the student contract of cxredge.students.base",
        )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
