"""Stacks of pictures on disk: NumPy's own bytes, one picture at a time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.images.pixel_file import PixelFile, write_pixels


@pytest.mark.parametrize("count", [0, 1, 9, 10, 1000])
def test_it_is_the_file_that_numpy_writes(count: int, tmp_path: Path) -> None:
    """However many there are, which is not known before the last was drawn."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 1, 5, 7), np.uint8)
    assert write_pixels(tmp_path / "ours", (1, 5, 7), iter(pixels)) == count
    np.save(tmp_path / "theirs.npy", pixels)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    found = PixelFile.open(tmp_path / "ours")
    assert len(found) == count
    for _ in range(2):
        back = list(found)
        assert len(back) == count
        for one, other in zip(back, pixels, strict=True):
            np.testing.assert_array_equal(one, other)


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    def drawn() -> Iterator[NDArray[np.uint8]]:
        for number in range(400):
            yield np.full((1, 300, 300), number % 256, np.uint8)  # 36 MB in all

    tracemalloc.start()
    write_pixels(tmp_path / "file", (1, 300, 300), drawn())
    total = sum(int(picture[0, 0, 0]) for picture in PixelFile.open(tmp_path / "file"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == sum(number % 256 for number in range(400))
    assert peak < 2 << 20


def test_pictures_of_another_shape_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not uint8"):
        write_pixels(tmp_path / "one", (1, 5, 7), [np.zeros((1, 7, 5), np.uint8)])
    with pytest.raises(ValueError, match="not uint8"):
        write_pixels(tmp_path / "two", (1, 5, 7), [np.zeros((1, 5, 7), np.float32)])
    np.save(tmp_path / "three.npy", np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="no stack of pictures"):
        PixelFile.open(tmp_path / "three.npy")
