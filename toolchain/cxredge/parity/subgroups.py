"""The films in parts: by view, sex, age and source, where the data set names them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from cxredge.evidence import SubgroupEvidence
from cxredge.evidence_decisions import ClassFlip, Flip
from cxredge.parity.decisions import Rule
from cxredge.parity.paired import mean_auc
from cxredge.parity.pairs import Pair
from cxredge.results import BootstrapSpec

COLUMNS = ("view", "sex", "age", "source")
UNKNOWN = "unknown"
"""Value of an empty cell, or of an age that cannot be read."""
AGES = ((18, "0-17"), (40, "18-39"), (65, "40-64"), (121, "65+"))
"""Bands of whole years: first year beyond the band, and its name. Ages above 120 are errors of entry."""
YEARS_OF = {"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
"""Years of one unit of DICOM's age string (PS3.5, value representation AS); a bare number is years."""


def subgroups(
    rule: Rule, pair: Pair, flips: Sequence[Flip | ClassFlip], bootstrap: BootstrapSpec
) -> tuple[SubgroupEvidence, ...]:
    """The mean AUC, flips and decisions of every part, for each of COLUMNS that has at least two values.

    flips: all flips on the films of ``pair``. Within a part, patients are drawn anew, and a label needs its patients
    there. Parts are in the order of their values, unknown last.
    """
    by_film: dict[str, int] = defaultdict(int)
    for flip in flips:
        by_film[flip.film] += 1
    found = []
    for column in COLUMNS:
        rows: dict[str, list[int]] = defaultdict(list)
        for i, film in enumerate(pair.films):
            rows[_value(column, film.columns.get(column, ""))].append(i)
        if len(rows) < 2:
            continue
        for value in sorted(rows, key=lambda v: (v == UNKNOWN, v)):
            part = pair.part(rows[value])
            auc, shown = mean_auc(rule.scored(part), bootstrap)
            found.append(
                SubgroupEvidence(
                    column=column,
                    value=value,
                    films=len(part.films),
                    patients=len(set(part.patients)),
                    flips=sum(by_film[film.file] for film in part.films),
                    decisions=rule.decisions(len(part.films)),
                    auc=auc,
                    labels_shown=shown,
                )
            )
    return tuple(found)


def _value(column: str, cell: str) -> str:
    return _age_band(cell) if column == "age" else cell.strip() or UNKNOWN


def _age_band(cell: str) -> str:
    """``42``, ``42.5``, ``042Y``, ``006M`` -> the band."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([YMWD]?)", cell.strip().upper())
    if match is None:
        return UNKNOWN
    years = float(match[1]) * YEARS_OF[match[2]]
    return next((name for end, name in AGES if years < end), UNKNOWN)
