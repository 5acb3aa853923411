"""The root of the parity chain: what is proven, and what is said where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.decision import Decision, MultiLabel, SingleLabel
from cxredge.errors import InputError, ProofFailed
from cxredge.importing.proof import BOUND, LEAST, logits_of, proven
from cxredge.statistics.probabilities import probabilities

NAMES = ("One", "Two", "Three")
INDEPENDENT = MultiLabel(operating_points=dict.fromkeys(NAMES, 0.0))
EXCLUSIVE = SingleLabel(least_margin=0.0)
F32 = NDArray[np.float32]


@pytest.fixture
def said() -> F32:
    return np.random.default_rng(0).normal(0, 2, (LEAST, 3)).astype(np.float32)


def sigmoid(z: F32) -> F32:
    return probabilities(z, "multi-label").astype(np.float32)


@pytest.mark.parametrize("decision", [INDEPENDENT, EXCLUSIVE])
def test_equal(said: F32, decision: Decision) -> None:
    proof = proven(NAMES, decision, {"original": said, "logits": said}, None, None)
    assert (proof.films, proof.max_abs, proof.flips, proof.transform) == (LEAST, 0, 0, None)
    assert proof.decisions == (300 if decision is INDEPENDENT else 100)


def test_too_few_films(said: F32) -> None:
    with pytest.raises(InputError) as caught:
        proven(NAMES, INDEPENDENT, {"original": said[1:], "logits": said[1:]}, None, None)
    assert (caught.value.code, caught.value.cause[:9]) == ("IMPORT-FEW", "99 films ")


def test_the_bound_is_of_the_largest_logit(said: F32) -> None:
    largest = float(np.abs(said).max())
    other = said.copy()
    other[7, 1] += 0.9 * BOUND * largest
    assert proven(NAMES, INDEPENDENT, {"original": other, "logits": said}, None, None).max_abs == pytest.approx(
        0.9 * BOUND * largest, rel=1e-3
    )
    other[7, 1] += 0.2 * BOUND * largest
    with pytest.raises(ProofFailed) as caught:
        proven(NAMES, INDEPENDENT, {"original": other, "logits": said}, None, None)
    assert caught.value.code == "IMPORT-DIFFERS"
    assert caught.value.exit_code == 1
    assert "0 of 300 decisions by it" in caught.value.cause


def test_decisions_that_differ_are_counted(said: F32) -> None:
    other = said.copy()
    said[:5, 0], other[:5, 0] = 1e-4, -1e-4
    assert proven(NAMES, INDEPENDENT, {"original": other, "logits": said}, None, None).flips == 5


@pytest.mark.parametrize("change", [0, 15, 16])
def test_behind_its_own_preprocessing(said: F32, change: int) -> None:
    own = said.copy()
    own.reshape(-1)[:change] *= -1
    answers = {"original": said, "logits": said, "own": own}
    if change <= 15:
        proof = proven(NAMES, INDEPENDENT, answers, None, "torchvision/resnet18")
        assert (proof.whole_flips, proof.preprocessing_flips, proof.flips) == (change, change, 0)
        assert proof.transform == "torchvision/resnet18"
        return
    with pytest.raises(ProofFailed) as caught:
        proven(NAMES, INDEPENDENT, answers, None, "torchvision/resnet18")
    assert caught.value.code == "IMPORT-DIFFERS"
    assert "behind torchvision/resnet18 the original decides 16 of 300 otherwise" in caught.value.cause
    assert "Preprocessing alone makes 16 of them, the conversion 0" in caught.value.cause


def test_an_original_that_answers_probabilities(said: F32) -> None:
    said = (said * 20).astype(np.float32)  # where float32 sees no difference from 0 or 1
    mild = (said / 20).astype(np.float32)
    other, shifted = (said + 7).astype(np.float32), (mild + 7).astype(np.float32)
    proof = proven(NAMES, INDEPENDENT, {"original": sigmoid(said), "logits": said}, "sigmoid", None)
    assert proof.max_abs < 1e-6
    assert proof.flips == 0
    softmax = probabilities(said, "single-label").astype(np.float32)
    proof = proven(NAMES, EXCLUSIVE, {"original": softmax, "logits": other}, "softmax", None)
    assert proof.max_abs < 1e-6
    assert proof.flips == 0
    log = np.log(probabilities(mild, "single-label")).astype(np.float32)
    proof = proven(NAMES, EXCLUSIVE, {"original": log, "logits": shifted}, "log-softmax", None)
    assert proof.max_abs < 1e-4
    with pytest.raises(ProofFailed):
        proven(
            NAMES, INDEPENDENT, {"original": sigmoid((mild + 0.1).astype(np.float32)), "logits": mild}, "sigmoid", None
        )


def test_logits_are_had_back(said: F32) -> None:
    np.testing.assert_allclose(logits_of(sigmoid(said), "sigmoid"), said, rtol=1e-3, atol=1e-3)
    assert np.isfinite(logits_of(np.array([[0.0, 1.0]], np.float32), "sigmoid")).all()
    assert logits_of(said, None) is not said
    np.testing.assert_array_equal(logits_of(said, None), said)
