"""One loaded artifact on this machine: images in, the student's outputs out, the same for every runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.outputs import Outputs, check_outputs


@dataclass(frozen=True)
class Runtime:
    """What runs a target's files on this machine."""

    name: str
    native: bool = True
    """False: an evaluator stands in for the runtime. Its outputs count, its speed says nothing."""


class Runner(ABC):
    """One loaded artifact: a context manager that runs one image at a time.

    what: names it in errors. A target overrides the ``_impl`` parts only.
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
        Raises InputError RUN-INPUT (dtype, rank, NaN), RUN-FAILED (the runtime refuses it), RUN-OUTPUT (names or values
        that break the contract).
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
        try:
            outputs = self._run_impl(np.ascontiguousarray(image))
        except (ValueError, RuntimeError, IndexError, TypeError) as error:
            # what runtimes say of an input that is not their model's
            raise InputError(
                "RUN-FAILED",
                f"{self.what} does not run on float32{list(image.shape)}: {error}",
                "check that the model is the one that the manifest describes, and build the bundle again",
            ) from error
        return check_outputs(self.what, outputs, 1)

    @abstractmethod
    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]: ...

    def _close_impl(self) -> None:  # noqa: B027 - most runtimes need nothing here
        """Nothing to free, unless a target says otherwise."""
