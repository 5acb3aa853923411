"""Novelty evidence on scores whose AUC and shares are known, and on the zoo's student."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cxredge.data.data_sets import open_data
from cxredge.data.out_of_distribution import WORDS, OodFilm, OodFilms, make_ood_films
from cxredge.images.preprocess import preprocess_films
from cxredge.parity.novelty_evidence import novelty_evidence
from cxredge.parity.pairs import Both
from cxredge.recipe_data import PhantomData
from cxredge.recipe_file import load_recipe
from cxredge.results import BootstrapSpec

SHORT = BootstrapSpec(resamples=100, level=0.95, seed=1)
ZOO = Path(__file__).parents[2] / "model_zoo" / "phantom"


def listed(*kinds: str) -> OodFilms:
    rows = [OodFilm(kind=k, name=f"{k} {i}", group=f"g{i}", sha256="0" * 64) for i, k in enumerate(kinds)]
    return OodFilms(pictures=tuple(rows))


def scores(reference: Sequence[float], artifact: Sequence[float]) -> Both:
    return Both(np.array(reference, np.float32), np.array(artifact, np.float32))


def test_known_answers() -> None:
    films = scores([1, 2, 3, 4], [1, 2, 3, 4])
    # kinds may lie in any order; ct is above all films for both, blank below half of them for the artifact
    strange = scores([5, 3.5, 6, 4.5], [5, 2.5, 6, 0.5])
    kinds = listed("ct", "blank", "ct", "blank")
    ct, blank, both = novelty_evidence(films, ["p", "p", "q", "q"], strange, kinds, 4.5, SHORT)
    assert (ct.kind, ct.pictures, ct.auc.reference, ct.auc.artifact) == ("ct", 2, 1, 1)
    assert (ct.what, blank.what, both.kind) == (WORDS["ct"], WORDS["blank"], "all")
    assert blank.auc.reference == pytest.approx((3 + 4) / 8)
    assert blank.auc.artifact == pytest.approx(2 / 8)
    assert both.pictures == 4
    assert both.auc.reference == pytest.approx((4 + 3 + 4 + 4) / 16)
    # flagged is above the threshold, not at it
    assert [e.flagged_reference for e in (ct, blank, both)] == [1, 0, 0.5]
    assert [e.flagged_artifact for e in (ct, blank, both)] == [1, 0, 0.5]
    assert all(e.auc.too_few is not None for e in (ct, blank, both)), "two patients"


def test_the_zoos_student_tells_what_is_no_film(tmp_path: Path) -> None:
    import torch

    from cxredge.students import build_student

    recipe = load_recipe(ZOO)
    data = PhantomData(source="phantom", seed=6, patients={"train": 1, "val": 1, "test": 6})
    films = open_data(data, recipe.labels, tmp_path).films("test")
    known = preprocess_films([film.path for film in films], recipe.input, "test")
    kinds, strange = make_ood_films(films, {}, recipe.input)
    student = build_student(recipe, ZOO / recipe.weights.file)
    with torch.no_grad():
        novelty = [student(torch.from_numpy(p).float())["novelty"].numpy() for p in (known, strange)]
    found = novelty_evidence(
        Both(novelty[0], novelty[0]),
        [film.patient for film in films],
        Both(novelty[1], novelty[1]),
        kinds,
        recipe.novelty.threshold,
        SHORT,
    )
    by_kind = {e.kind: e for e in found}
    assert list(by_kind) == [*kinds.kinds, "all"]
    for kind in ("white-noise", "pink-noise", "blank"):
        assert (by_kind[kind].auc.reference, by_kind[kind].flagged_artifact) == (1, 1), kind
    # what is made of films is harder, and far from chance
    for kind in ("inverted", "quarter-turn", "upside-down", "corner"):
        assert by_kind[kind].auc.reference is not None
        assert by_kind[kind].auc.reference > 0.75, kind
