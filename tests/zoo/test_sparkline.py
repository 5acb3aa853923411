from __future__ import annotations

import pytest

from cxredge.zoo.sparkline import LONGEST, sparkline


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([None], ""),
        ([3.0, 3.0], "▁▁"),
        ([1.0, 0.5, 0.0], "█▅▁"),
        ([0.0, None, 7.0], "▁ █"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
    ],
)
def test_bars_are_from_the_least_to_the_greatest(values: list[float | None], line: str) -> None:
    assert sparkline(values) == line


def test_a_long_course_is_shown_by_means() -> None:
    line = sparkline([float(at) for at in range(300)])
    assert len(line) == LONGEST
    assert (line[0], line[-1]) == ("▁", "█")
    assert sorted(line) == list(line)
