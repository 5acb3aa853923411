"""How much of an artifact's answers is the luck of its calibration films: lowered twice, on disjoint halves of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.evidence import StabilityEvidence
from cxredge.files import sha256_bytes
from cxredge.outputs import Outputs
from cxredge.parity.decisions import Rule
from cxredge.parity.numerics import sqnr_db
from cxredge.results import FilmRecord


def halves(records: Sequence[FilmRecord]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two disjoint halves, as places in ``records`` in rising order; all films of a patient stay together.

    Patients are dealt out by falling number of films, and by the hash of their name among equals, each to the half
    that has fewer films: the halves differ by no more films than one patient has.
    """
    owned: dict[str, list[int]] = {}
    for at, record in enumerate(records):
        owned.setdefault(record.patient, []).append(at)
    dealt: tuple[list[int], list[int]] = ([], [])
    for patient in sorted(owned, key=lambda name: (-len(owned[name]), sha256_bytes(name.encode()))):
        min(dealt, key=len).extend(owned[patient])
    first, second = (np.array(sorted(half), np.intp) for half in dealt)
    return first, second


def stability_evidence(
    reference: Outputs, a: Outputs, b: Outputs, rule: Rule, films: tuple[int, int]
) -> StabilityEvidence:
    """reference, a, b: outputs on the same evaluation films; a and b of the artifacts calibrated on ``films`` films.

    An upper bound on the luck: the artifact itself was calibrated on all films, twice as many.
    """
    said, of_a, of_b = (rule.call(outputs["logits"]) for outputs in (reference, a, b))
    return StabilityEvidence(
        films_a=films[0],
        films_b=films[1],
        flips_a=int(rule.differ(of_a, said).sum()),
        flips_b=int(rule.differ(of_b, said).sum()),
        flips_between=int(rule.differ(of_a, of_b).sum()),
        decisions=rule.decisions(len(said)),
        sqnr_between_db=sqnr_db(a["logits"], b["logits"]),
    )
