"""Whether lossless JPEG or JPEG-LS data ends early: decoded with two different fillings behind it, it gives two films.

Both code every sample by prefix codes and magnitudes, so that other bits are other samples. The fillings differ in
their first bit: a decoder that comes to need one bit more than there is gives two films that differ, and one that
does not never looks at them.
"""

from __future__ import annotations

import numpy as np

# no byte FF in either: they are no markers, and nothing in them is stuffed
_FILLINGS = (bytes(64), b"\x80" + b"\x40" * 63)


def check_fill(stream: bytes, ends: list[int]) -> None:
    """ends: where segments of coded data end. Raises EOFError where data is missing in one of them."""
    from libjpeg.utils import decode

    parts = [stream[start:end] for start, end in zip([0, *ends], [*ends, len(stream)], strict=True)]
    first, second = (decode(filling.join(parts)) for filling in _FILLINGS)
    if not np.array_equal(first, second):
        raise EOFError("the coded data ends before the image does")
