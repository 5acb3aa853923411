"""The order in which precisions are tried: the cheapest first, and no more modules in float than needed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from cxredge.vocabulary import SchemeName

CHEAPEST: tuple[SchemeName, ...] = ("w8a8", "w8", "fp16", "fp32")
"""Schemes from the cheapest to the dearest, by size and by what a phone's processor spends."""


@dataclass(frozen=True)
class Rung:
    """One precision to try: a scheme, and the names of the student's modules that stay in float."""

    scheme: SchemeName
    keep: tuple[str, ...] = ()


def climb(
    schemes: Sequence[SchemeName], groups: Callable[[], Sequence[tuple[str, ...]]]
) -> Generator[Rung, bool, Rung | None]:
    """Yields the next rung to try, is sent whether it kept every gate, and returns the cheapest that did, or None.

    schemes: those that the target has and the recipe bounds. groups: modules to keep in float, the group that helps
    most first; asked for only when plain w8a8 fails. The number of groups is doubled until the gates hold and then
    halved back, so n groups cost about 2 log2(n) attempts; that more groups in float are never worse is assumed, and
    every rung that is returned was tried.
    """
    for scheme in (s for s in CHEAPEST if s in schemes):
        if (yield Rung(scheme)):
            return Rung(scheme)
        if scheme == "w8a8":
            fewest = yield from _fewest(groups())
            if fewest is not None:
                return fewest
    return None


def _fewest(groups: Sequence[tuple[str, ...]]) -> Generator[Rung, bool, Rung | None]:
    failed, count = 0, 1
    while count <= len(groups) and not (yield _rung(groups[:count])):
        if count == len(groups):
            return None
        failed, count = count, min(2 * count, len(groups))
    if not groups:
        return None
    while count - failed > 1:
        middle = (count + failed) // 2
        if (yield _rung(groups[:middle])):
            count = middle
        else:
            failed = middle
    return _rung(groups[:count])


def _rung(groups: Sequence[tuple[str, ...]]) -> Rung:
    return Rung("w8a8", tuple(dict.fromkeys(name for group in groups for name in group)))
