"""Halves that share no patient, and what two artifacts of them differ in."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxredge.outputs import Outputs
from cxredge.parity.stability import halves, stability_evidence
from cxredge.results import FilmRecord
from parity.synthetic import independent


def records(patients: list[str]) -> list[FilmRecord]:
    return [FilmRecord(file=f"{i}.png", sha256=f"{i:064x}", patient=name) for i, name in enumerate(patients)]


@given(st.lists(st.integers(0, 12).map(str), max_size=60))
def test_halves_share_no_patient_and_are_even(patients: list[str]) -> None:
    films = records(patients)
    a, b = halves(films)
    assert sorted([*a, *b]) == list(range(len(films)))
    assert a.tolist() == sorted(a)
    assert b.tolist() == sorted(b)
    assert not {patients[i] for i in a} & {patients[i] for i in b}
    most = max((patients.count(p) for p in patients), default=0)
    assert abs(len(a) - len(b)) <= most


def test_the_films_order_does_not_move_a_patient() -> None:
    films = records(list("aabbccdefgh"))
    first = {films[i].patient for i in halves(films)[0]}
    turned = films[::-1]
    assert {turned[i].patient for i in halves(turned)[0]} == first


def test_halves_of_a_real_set(cxr_data: Path) -> None:
    with (cxr_data / "cxr_multilabel" / "labels.csv").open(newline="") as stream:
        groups = [row["group"] for row in csv.DictReader(stream) if row["split"] == "val"]
    a, b = halves(records(groups))
    assert len(a) + len(b) == len(groups) > 100
    assert abs(len(a) - len(b)) <= 1


def test_known_answers() -> None:
    rule = independent([0, 0], ("A", "B"))

    def outputs(logits: list[list[float]]) -> Outputs:
        return {"logits": np.array(logits, np.float32), "cam": np.zeros((3, 2, 1, 1), np.float32)}

    reference = outputs([[1, 1], [-1, 1], [1, -1]])
    a = outputs([[-1, 1], [-1, 1], [1, -1]])
    b = outputs([[1, 1], [-1, -1], [1, 1]])
    found = stability_evidence(reference, a, b, rule, (51, 50))
    assert (found.films_a, found.films_b, found.decisions) == (51, 50, 6)
    assert (found.flips_a, found.flips_b, found.flips_between) == (1, 2, 3)
    assert found.sqnr_between_db == pytest.approx(10 * np.log10(6 / 12))
    assert stability_evidence(reference, a, a, rule, (51, 50)).sqnr_between_db is None
