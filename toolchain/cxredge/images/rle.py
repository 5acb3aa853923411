"""Run-length coded pixels (PS3.5 Annex G), measured before they are decoded."""

from __future__ import annotations

import struct
from itertools import pairwise

from cxredge.errors import InputError

SLACK = 256
"""Zero bytes that may stand behind a segment's last pixel."""
NO_RUN = 128
"""A header byte that means nothing (G.3.1)."""


def check_rle(what: str, stream: bytes, segments: int, plane: int) -> None:
    """Refuse what does not decode to its planes, byte for byte.

    segments: samples times bytes of each; plane: pixels, the decoded bytes of a segment. A run of two bytes may stand
    for 128, so that a segment's own length says little. No run should go on into the next row (G.3.1), but a much used
    writer's do, so that as many pixels in another shape cannot be told. Raises InputError IMG-DAMAGED, IMG-TRUNCATED.
    """
    if len(stream) < 64:
        raise _damaged(what, "its run-length header ends early")
    count, *offsets = struct.unpack_from("<16I", stream)
    starts = [*offsets[:segments], len(stream)]
    if count != segments or sorted(starts) != starts or starts[0] < 64:
        raise _damaged(what, f"its run-length header lists {count} segments where {segments} follow one another")
    for start, end in pairwise(starts):
        behind = _behind_plane(what, stream, start, end, plane)
        if end - behind > SLACK or stream.count(0, behind, end) < end - behind:
            raise _damaged(what, f"a run-length segment goes on behind the {plane} bytes of its plane")


def _behind_plane(what: str, stream: bytes, at: int, end: int, plane: int) -> int:
    """Where a segment's last pixel is coded; it is not followed further."""
    last = at + 2 * plane + SLACK  # at worst every byte is a run of its own
    left = plane
    while left > 0:
        if at >= last:
            raise _damaged(what, "its run-length coding has more bytes that mean nothing than pixels")
        if at >= end:
            raise InputError(
                "IMG-TRUNCATED", f"{what}: a run-length segment ends before its plane does", "copy the film again"
            )
        head = stream[at]
        if head < NO_RUN:
            left -= min(head + 1, end - at - 1)
            at += head + 2
        elif head > NO_RUN:
            left -= 257 - head if at + 1 < end else 0
            at += 2
        else:
            at += 1
    if left < 0:
        raise _damaged(what, f"a run-length segment goes on behind the {plane} bytes of its plane")
    return min(at, end)


def _damaged(what: str, cause: str) -> InputError:
    return InputError("IMG-DAMAGED", f"{what}: {cause}", "export the film again")
