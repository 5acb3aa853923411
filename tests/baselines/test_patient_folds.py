from __future__ import annotations

from pathlib import Path

import numpy as np

from cxredge.baselines.patient_folds import owners, patient_folds
from cxredge.data.film import Film


def film(patient: str, digest: str | None = None) -> Film:
    return Film(f"{patient}.png", Path("x"), patient, "train", np.zeros(1, np.float32), expected_sha256=digest)


def test_films_of_one_patient_or_of_the_same_bytes_have_one_owner() -> None:
    films = [film("p1"), film("p2", "aa"), film("P-01"), film("p3", "aa"), film("p4", "bb"), film("p2")]
    assert owners(films).tolist() == [0, 1, 0, 1, 2, 1]


def test_two_rare_positives_come_into_two_folds() -> None:
    positive = np.array([[True], [True], *[[False]] * 6])
    for seed in range(5):
        fold = patient_folds(positive, np.arange(8), 2, seed)
        assert sorted(fold[:2]) == [0, 1]
        assert np.bincount(fold).tolist() == [4, 4]


def test_a_large_owner_goes_whole_and_others_make_up_for_it() -> None:
    owner = np.array([0, 0, 0, 0, 1, 2, 3, 4])
    fold = patient_folds(np.zeros((8, 1), bool), owner, 2, 0)
    assert len(set(fold[:4])) == 1
    assert set(fold[4:]) == {1 - fold[0]}


def test_folds_are_alike_the_same_for_one_seed_and_others_for_another() -> None:
    random = np.random.default_rng(3)
    owner = random.integers(0, 60, 200)
    owner = np.unique(owner, return_inverse=True)[1]
    positive = random.random((200, 3)) < (0.5, 0.2, 0.06)
    fold = patient_folds(positive, owner, 5, 1)
    for one in np.unique(owner):
        assert len(set(fold[owner == one])) == 1
    assert np.ptp(np.bincount(fold)) <= 4
    for label in positive.T:
        assert np.ptp(np.bincount(fold[label], minlength=5)) <= 3
    assert (patient_folds(positive, owner, 5, 1) == fold).all()
    assert (patient_folds(positive, owner, 5, 2) != fold).any()
