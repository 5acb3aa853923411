from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.data.data_sets import open_data
from cxredge.errors import InputError
from cxredge.parity.pairs import Pair
from cxredge.recipe_data import PhantomData
from cxredge.recipe_decision import Labels
from parity.synthetic import pair


def test_what_does_not_fit_is_refused() -> None:
    good = pair(5)
    for films, reference, artifact in (
        (good.films[:4], good.reference, good.artifact),
        (good.films, good.reference[:, :2], good.artifact),
        (good.films, good.reference, good.artifact[:4]),
        (good.films[:0], good.reference[:0], good.artifact[:0]),
    ):
        with pytest.raises(InputError, match="STATISTICS-SHAPE"):
            Pair(films, reference, artifact)
    broken = good.artifact.copy()
    broken[3, 1] = np.nan
    with pytest.raises(InputError, match="film 3 and label 1 is nan"):
        Pair(good.films, good.reference, broken)


def test_a_part_keeps_its_rows() -> None:
    whole = pair(9)
    part = whole.part([7, 2])
    assert [film.file for film in part.films] == ["films/7.png", "films/2.png"]
    np.testing.assert_array_equal(part.reference, whole.reference[[7, 2]])
    np.testing.assert_array_equal(part.artifact, whole.artifact[[7, 2]])
    np.testing.assert_array_equal(part.truth, whole.truth[[7, 2]])
    assert part.patients == ("p3", "p1")


def test_films_of_a_data_set_will_do(tmp_path: Path) -> None:
    data = PhantomData(source="phantom", seed=3, patients={"train": 1, "val": 1, "test": 4})
    films = open_data(data, Labels(names=("Cardiomegaly", "Effusion")), tmp_path).films("test")
    logits = np.zeros((len(films), 2), np.float32)
    found = Pair(films, logits, logits)
    np.testing.assert_array_equal(found.truth, [film.targets == 1 for film in films])
