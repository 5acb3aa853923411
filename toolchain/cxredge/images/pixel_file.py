"""A stack of preprocessed pictures on disk, a NumPy file: written and read one picture at a time, so that memory stays
flat. A mapped file would not do: what was looked at of it counts as the process's until somebody else needs memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cxredge.path_errors import writing

Shape = tuple[int, int, int]
"""Channels, height and width of one picture."""


def write_pixels(path: Path, shape: Shape, pictures: Iterable[NDArray[np.uint8]]) -> int:
    """Write pictures uint8[ch, H, W], as ``numpy.save`` writes their stack uint8[N, ch, H, W]. Returns their number.

    Raises what drawing a picture raises, and InputError PATH-WRITE, EnvironmentProblem DISK-*.
    """
    with writing(path):
        stream = path.open("xb")
    with stream:
        count = 0
        with writing(path):
            _write_header(stream, (0, *shape))
        begin = stream.tell()
        for picture in pictures:
            if picture.shape != shape or picture.dtype != np.uint8:
                raise ValueError(f"a picture is {picture.dtype}{list(picture.shape)}, not uint8{list(shape)}")
            with writing(path):
                stream.write(np.ascontiguousarray(picture).tobytes())
            count += 1
        with writing(path):
            stream.seek(0)
            _write_header(stream, (count, *shape))
            if stream.tell() != begin:
                raise RuntimeError("NumPy's header grew with the number of pictures")
            stream.flush()
    return count


def _write_header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    """NumPy leaves room in it for the first axis to grow."""
    npy.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


@dataclass(frozen=True)
class PixelFile:
    """What ``write_pixels`` wrote: its pictures, uint8[ch, H, W], in their order, read anew each time."""

    path: Path
    count: int
    shape: Shape
    begin: int

    @classmethod
    def open(cls, path: Path) -> PixelFile:
        """Its header alone is read. Raises OSError, ValueError: another file."""
        with path.open("rb") as stream:
            npy.read_magic(stream)
            found, fortran, dtype = npy.read_array_header_1_0(stream)
            if fortran or dtype != np.uint8 or len(found) != 4:
                raise ValueError(f"{path} is no stack of pictures: {dtype}{list(found)}")
            count, channels, height, width = found
            return cls(path, count, (channels, height, width), stream.tell())

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        size = prod(self.shape)
        with self.path.open("rb") as stream:
            stream.seek(self.begin)
            for _ in range(self.count):
                yield np.frombuffer(stream.read(size), np.uint8).reshape(self.shape)
