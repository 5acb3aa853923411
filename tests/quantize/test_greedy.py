"""The greedy order on errors that are written down, and counted when they are measured."""

from __future__ import annotations

from collections.abc import Sequence

from cxredge.quantize.greedy import SMALL, Greedy, Group


class Errors:
    """Unit i alone costs ``alone[i]``, and a pair costs ``pairs[pair]`` until both are taken. near: in a row."""

    def __init__(self, alone: Sequence[float], pairs: dict[tuple[int, int], float]) -> None:
        self.alone, self.pairs, self.measured = alone, pairs, 0

    def left(self, taken: Group) -> float:
        return sum(e for i, e in enumerate(self.alone) if i not in taken) + sum(
            e for pair, e in self.pairs.items() if not taken >= set(pair)
        )

    def measure(self, taken: Group, groups: Sequence[Group]) -> list[float]:
        self.measured += len(groups)
        return [self.left(taken | group) for group in groups]

    def look(self, taken: Group) -> tuple[float, list[float]]:
        """A pair's error stands with its first unit, as a tensor's does with its maker."""
        base = self.left(taken)
        restored = []
        for unit, own in enumerate(self.alone):
            gain = 0.0 if unit in taken else own
            gain += sum(e for pair, e in self.pairs.items() if pair[0] == unit and not taken >= set(pair))
            restored.append(base - gain)
        return base, restored

    def order(self, taken: Group = Group()) -> list[tuple[Group, float | None]]:  # noqa: B008
        count = len(self.alone)
        candidates = [Group({i}) for i in range(count)] + [Group({i, i + 1}) for i in range(count - 1)]

        def near(group: Group) -> Group:
            return group | {i + 1 for i in group} | {i - 1 for i in group}

        return list(Greedy(candidates, near, self.measure, self.look, taken).steps())


def test_a_pair_is_taken_whole_and_first() -> None:
    errors = Errors([1, 1, 1, 1, 1], {(2, 3): 90})
    order = errors.order()
    assert order[0] == (Group({2, 3}), 3)
    assert {unit for group, _ in order for unit in group} == set(range(5))
    assert sum(len(group) for group, _ in order) == 5


def test_single_units_come_by_their_gain() -> None:
    order = [group for group, _ in Errors([5, 40, 20, 10, 25], {}).order()]
    assert order == [{1}, {4}, {2}, {3}, {0}]


def test_what_is_left_is_told_and_small_errors_are_not_measured() -> None:
    errors = Errors([1000, 1, 2, 3, 1, 2], {})
    order = errors.order()
    assert order[0] == (Group({0}), 9)
    assert SMALL * 1009 >= 9
    assert [left for _, left in order[1:]] == [None] * 5
    assert errors.measured <= 3


def test_a_mountain_hides_others() -> None:
    """Unit 3 seems to gain nothing until unit 0 is taken: new estimates find it."""

    class Hiding(Errors):
        def left(self, taken: Group) -> float:
            return max(1000.0 if 0 not in taken else 0.0, super().left(taken - {0}))

        def look(self, taken: Group) -> tuple[float, list[float]]:
            return self.left(taken), [self.left(taken | {unit}) for unit in range(len(self.alone))]

    order = [group for group, _ in Hiding([0, 1, 2, 300, 4], {}).order()]
    assert order[:2] == [{0}, {3}]


def test_it_starts_from_what_is_taken() -> None:
    order = Errors([50, 10, 20], {}).order(Group({0}))
    assert [group for group, _ in order] == [{2}, {1}]


def test_harm_is_not_measured_for_ever() -> None:
    """Every unit alone makes it worse: all are taken in the end, without a measurement for each."""
    errors = Errors([-1, -2, -3, -4], {(0, 3): 100})
    order = errors.order()
    assert sum(len(group) for group, _ in order) == 4
    assert errors.measured <= 24
