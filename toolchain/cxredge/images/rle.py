"""Run-length coded pixels (PS3.5 Annex G), measured before they are decoded."""

from __future__ import annotations

import struct
from itertools import pairwise

from cxredge.errors import InputError

SLACK = 256
"""Bytes of padding that a segment may have, coded or decoded."""
NO_RUN = 128
"""A header byte that means nothing (G.3.1)."""


def check_rle(what: str, stream: bytes, segments: int, plane: int) -> None:
    """Refuse what would decode to more than its planes.

    segments: samples times bytes of each; plane: pixels, the decoded bytes of a segment. A run of two bytes may stand
    for 128, so that a segment's own length says little. Raises InputError IMG-DAMAGED.
    """
    if len(stream) < 64:
        raise _damaged(what, "its run-length header ends early")
    count, *offsets = struct.unpack_from("<16I", stream)
    starts = [*offsets[:segments], len(stream)]
    if count != segments or sorted(starts) != starts or starts[0] < 64:
        raise _damaged(what, f"its run-length header lists {count} segments where {segments} follow one another")
    for start, end in pairwise(starts):
        # at worst every byte is a run of its own
        if end - start > 2 * plane + SLACK or _decoded(stream, start, end, plane) > plane + SLACK:
            raise _damaged(what, f"a run-length segment decodes to more than the {plane} bytes of its plane")


def _decoded(stream: bytes, at: int, end: int, plane: int) -> int:
    """Bytes that a segment decodes to; it is not followed further than it may go."""
    total = 0
    while at < end and total <= plane + SLACK:
        head = stream[at]
        if head < NO_RUN:
            total += min(head + 1, end - at - 1)
            at += head + 2
        elif head > NO_RUN:
            total += 257 - head
            at += 2
        else:
            at += 1
    return total


def _damaged(what: str, cause: str) -> InputError:
    return InputError("IMG-DAMAGED", f"{what}: {cause}", "export the film again")
