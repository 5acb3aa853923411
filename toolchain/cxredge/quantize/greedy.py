"""A greedy order of groups where measuring is dear: what looks best by estimates is measured, and the best taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

Group = frozenset[int]
"""Units that are taken together, by their places."""
Measure = Callable[[Group, Sequence[Group]], list[float]]
"""The error that is left when a group is taken; the second: several such groups, each beside the first."""
Look = Callable[[Group], tuple[float, list[float]]]
"""With a group taken: the error that is left, and what is left when each unit is restored by itself beside it."""

TRIED = 3
"""Candidates that are measured at a time."""
ROUNDS = 4
"""Most times that one step measures."""
MOUNTAIN = 0.25
"""A step that takes away this share of the error may have hidden others: estimates are made anew behind it."""
SMALL = 0.01
"""Share of the first error (20 dB less) below which the order is no longer measured."""


class Greedy:
    """Takes, step by step, the candidate that takes away the most error for each unit that it adds.

    Estimates add up what its units gain when each is restored by itself. Errors do add up, roughly, but a unit may need
    its neighbours, and a large error hides small ones: hence the measurements, and new estimates from time to time.
    """

    def __init__(
        self,
        candidates: Iterable[Group],
        near: Callable[[Group], Group],
        measure: Measure,
        look: Look,
        taken: Group = Group(),  # noqa: B008 - it is frozen
        wholes: Iterable[Group] = (),
    ) -> None:
        """taken: what is taken beforehand. near: units whose gain may change when a group is taken.

        wholes: further candidates, which give back more than the sum of their units tells. They are always measured.
        """
        self._wholes = list(wholes)
        self._candidates = [*candidates, *self._wholes]
        self._near = near
        self._measure = measure
        self._look = look
        self._taken = taken
        self._left = 0.0
        self._gains: list[float] = []
        self._known: dict[Group, float] = {}
        """Measured gains, of candidates without what is taken."""
        self._fresh = False
        self._estimate()
        self._first = self._left

    def steps(self) -> Iterator[tuple[Group, float | None]]:
        """What is taken next, and the error that is then left; None from where on the order is only estimated.

        Ends when every unit of a candidate is taken.
        """
        while group := self._best():
            before, self._left = self._left, self._left - self._known[group]
            self._taken |= group
            yield group, self._left
            near = self._near(group)
            self._known = {g: gain for g, gain in self._known.items() if not g & near}
            self._fresh = False
            if before - self._left >= MOUNTAIN * before:
                self._estimate()
        while open_ := self._open():
            group = max(open_, key=self._worth)
            self._taken |= group
            yield group, None

    def _estimate(self) -> None:
        self._left, errors = self._look(self._taken)
        self._gains = [self._left - error for error in errors]
        self._known = {}
        self._fresh = True

    def _try(self, groups: Sequence[Group]) -> None:
        unknown = [group for group in groups if group not in self._known]
        if unknown:
            errors = self._measure(self._taken, unknown)
            self._known.update((group, self._left - error) for group, error in zip(unknown, errors, strict=True))

    def _open(self) -> set[Group]:
        return {group - self._taken for group in self._candidates} - {Group()}

    def _worth(self, group: Group) -> tuple[float, int]:
        gain = self._known[group] if group in self._known else sum(self._gains[unit] for unit in group)
        return gain / len(group), -min(group)

    def _best(self) -> Group | None:
        """Measured in ``_known``; None when nothing is left, or nothing gains any more."""
        open_ = self._open()
        if not open_ or self._left <= SMALL * self._first:
            return None
        self._try([whole - self._taken for whole in self._wholes if whole - self._taken])
        for _ in range(ROUNDS):
            ranked = sorted(open_, key=self._worth, reverse=True)
            if ranked[0] in self._known:
                break
            self._try(ranked[:TRIED])
        best = max(self._known.keys() & open_, key=self._worth)
        if self._known[best] > 0:
            return best
        if self._fresh:
            return None
        self._estimate()
        return self._best()
