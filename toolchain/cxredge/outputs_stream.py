"""Outputs files of any number of films: read and written a block of films at a time, so that memory stays flat."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.files import open_regular
from cxredge.outputs_layout import Layout, OutputsRecord, Shapes, read_header, refuse, write_header
from cxredge.path_errors import writing

BLOCK = 2**22
"""Bytes of one array that are held at a time."""
NEGATIVE = "novelty is negative, and a squared distance is not"
"""An artifact that rounds may answer such a one."""


def blocks(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Films from which, and up to which, float32 of this shape is held at a time."""
    step = max(1, BLOCK // (4 * prod(shape[1:])))
    return pairwise([*range(0, shape[0], step), shape[0]])


@dataclass(frozen=True, eq=False)
class OutputsReader:
    """An open file whose header was checked."""

    path: Path
    layout: Layout
    stream: BinaryIO

    def rows(self, name: str, start: int, stop: int) -> NDArray[np.float32]:
        """float32[stop - start, ...] of one array.

        Raises InputError RUN-OUTPUT (NaN or infinity), OUTPUTS-FORMAT (a negative novelty, a file that was cut).
        """
        shape = (stop - start, *self.layout.shapes[name][1:])
        try:
            self.stream.seek(self.layout.begins[name] + 4 * start * prod(shape[1:]))
            data = self.stream.read(4 * prod(shape))
        except OSError as error:
            raise refuse(self.path, f"it cannot be read: {error.strerror}") from error
        if len(data) != 4 * prod(shape):
            raise refuse(self.path, "it was cut while it was read")
        found = np.frombuffer(data, "<f4").astype(np.float32, copy=False).reshape(shape)
        if not np.isfinite(found).all():
            raise InputError("RUN-OUTPUT", f"{self.path}: {name} holds NaN or infinity", "run the films again")
        if name == "novelty" and (found < 0).any():
            raise refuse(self.path, NEGATIVE)
        return found

    def check(self) -> None:
        """Look at every value once. Raises what ``rows`` raises."""
        for name, shape in self.layout.shapes.items():
            for start, stop in blocks(shape):
                self.rows(name, start, stop)


@contextmanager
def open_outputs(path: Path) -> Iterator[OutputsReader]:
    """An outputs file, its header checked. Raises InputError OUTPUTS-FORMAT."""
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(open_regular(path))
            size = os.fstat(stream.fileno()).st_size
        except OSError as error:
            raise refuse(path, f"it cannot be read: {error.strerror}") from error
        yield OutputsReader(path, read_header(path, stream, size), stream)


@dataclass(frozen=True, eq=False)
class OutputsWriter:
    """A file that is being written: whole when every film of every array was put."""

    path: Path
    layout: Layout
    stream: BinaryIO

    def put(self, name: str, start: int, rows: NDArray[np.float32]) -> None:
        """Films of one array, from ``start`` on; finite and of the array's shape.

        Raises InputError OUTPUTS-FORMAT (a negative novelty), EnvironmentProblem DISK-*.
        """
        if name == "novelty" and (rows < 0).any():
            raise refuse(self.path, NEGATIVE)
        with writing(self.path):
            self.stream.seek(self.layout.begins[name] + 4 * start * prod(self.layout.shapes[name][1:]))
            self.stream.write(np.ascontiguousarray(rows, "<f4").tobytes())


@contextmanager
def new_outputs(path: Path, record: OutputsRecord, shapes: Shapes) -> Iterator[OutputsWriter]:
    """A new file, for arrays of these shapes; the same bytes as ``write_outputs`` writes of the same outputs.

    Raises InputError OUTPUTS-FORMAT (too large), PATH-WRITE, EnvironmentProblem DISK-*.
    """
    head, layout = write_header(path, record, shapes)
    with ExitStack() as stack:
        with writing(path):
            stream = stack.enter_context(path.open("xb"))
            stream.write(head)
        yield OutputsWriter(path, layout, stream)
        with writing(path):
            stream.close()
