from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from cxredge.parity.decisions import ups_and_downs
from cxredge.parity.pairs import Pair
from parity.synthetic import LABELS, Facts, exclusive, independent, pair


def test_every_flip_is_listed_and_counted() -> None:
    rule = independent([0, 0.5, 1])
    cut = rule.cut
    whole = pair(300, error=0.5)
    found = rule.flips(whole)
    before, after = rule.call(whole.reference), rule.call(whole.artifact)
    assert len(found) == (before != after).sum() > 20
    counted = ups_and_downs(before, after, LABELS)
    for name in LABELS:
        own = [flip for flip in found if flip.label == name]
        assert (sum(f.up for f in own), sum(not f.up for f in own)) == counted[name]
        assert [f.film for f in own] == sorted((f.film for f in own), key=lambda x: int(x[6:-4]))
    for flip in found:
        film, label = int(flip.film[6:-4]), LABELS.index(flip.label)
        assert (flip.reference, flip.artifact) == (whole.reference[film, label], whole.artifact[film, label])
        assert flip.truth == whole.truth[film, label]
        assert flip.patient == whole.patients[film]
        assert flip.threshold == cut[label]
        assert flip.up == (flip.artifact >= flip.threshold > flip.reference)


def test_a_flip_from_afar_is_not_explained() -> None:
    # one film stood within the reference's own noise of the threshold, the other did not
    reference = np.array([[3], [-0.05], [-0.5]], np.float32)
    artifact = np.array([[3], [0.05], [2]], np.float32)
    whole = Pair([Facts(f"{i}", f"p{i}", np.ones(1, np.float32)) for i in range(3)], reference, artifact)
    near, far = independent([0], ("Effusion",)).flips(whole, np.array([0.1]))
    assert (near.film, near.explained) == ("1", True)
    assert (far.film, far.explained) == ("2", False)
    assert [flip.explained for flip in independent([0], ("Effusion",)).flips(whole)] == [None, None]


def test_a_worse_artifact_explains_no_more_of_its_flips() -> None:
    """The films near to a threshold are the reference's, whoever flips: the worse, the more lie beyond them."""
    rule, films, noise = independent([0, 0.5, 1]), pair(2000, error=0), np.array([0.2, 0.2, 0.2])
    toss_ups = rule.explained(films, noise)
    shares = []
    for error in (0.05, 0.5, 2.0):
        worse = replace(films, artifact=pair(2000, error=error).artifact)
        found = rule.flips(worse, noise)
        assert (rule.explained(worse, noise) == toss_ups).all()
        assert sum(bool(flip.explained) for flip in found) == (rule.called_otherwise(worse) & toss_ups).sum()
        shares.append(sum(bool(flip.explained) for flip in found) / len(found))
    assert shares[0] > 0.9 > 0.6 > shares[1] > shares[2]


def test_the_noise_is_a_percentile_of_what_shifted_films_change() -> None:
    films = drawn(50, 3)
    shifted = np.stack([films + change for change in (0.1, -0.1, 0.2, -0.3)]).reshape(-1, 3).astype(np.float32)
    np.testing.assert_allclose(independent([0, 0.5, 1]).noise(films, shifted), 0.3, atol=1e-6)
    moved = np.abs(other_classes(shifted[:50] * 2) - other_classes(films))
    once = exclusive().noise(films, (shifted[:50] * 2).astype(np.float32))
    np.testing.assert_allclose(once, np.percentile(moved, 95, axis=0), rtol=1e-5)
    assert (independent([0, 0.5, 1]).noise(films, np.tile(films, (4, 1))) == 0).all()


def test_equal_logits_do_not_flip() -> None:
    same = pair(50, error=0)
    assert independent(same.reference[7]).flips(same) == ()


def drawn(films: int, classes: int, seed: int = 0, scale: float = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, (films, classes)).astype(np.float32)


def other_classes(logits: np.ndarray) -> np.ndarray:
    """Log-odds by scipy, class by class."""
    wide = logits.astype(np.float64)
    rest = [logsumexp(np.delete(wide, c, axis=1), axis=1) for c in range(wide.shape[1])]
    return wide - np.stack(rest, axis=1)


@pytest.mark.parametrize("classes", [2, 3, 64])
def test_log_odds_are_those_of_the_softmax(classes: int) -> None:
    rule, logits = exclusive(1.5, [f"C{i}" for i in range(classes)]), drawn(200, classes)
    chances = softmax(logits.astype(np.float64), axis=1)
    odds = rule.scores(logits)
    assert odds.dtype == np.float32
    np.testing.assert_allclose(odds, other_classes(logits), rtol=1e-6)
    np.testing.assert_allclose(odds, np.log(chances / (1 - chances)), rtol=1e-4, atol=1e-4)
    # the class is named where it is likelier than the margin asks, and it is the likeliest then
    sure = chances.max(1) >= 1 / (1 + np.exp(-1.5))
    called = rule.call(logits)
    assert 0 < sure.sum() < len(sure)
    np.testing.assert_array_equal(called.any(1), sure)
    np.testing.assert_array_equal(called[sure].argmax(1), chances[sure].argmax(1))
    assert (called.sum(1) <= 1).all()


def test_a_shift_of_all_logits_changes_no_decision() -> None:
    rule, logits = exclusive(0.75), drawn(300, 3)
    films = [Facts(f"{i}", f"p{i}", np.eye(3, dtype=np.float32)[i % 3]) for i in range(300)]
    shift = np.random.default_rng(1).integers(-8, 9, (300, 1)).astype(np.float32) * np.float32(256)
    coarse = (np.round(logits * 256) / 256).astype(np.float32)  # so that the sums are exact
    moved = coarse + shift
    assert np.abs(moved - coarse).max() > 1000
    np.testing.assert_array_equal(rule.call(moved), rule.call(coarse))
    np.testing.assert_allclose(rule.scores(moved), rule.scores(coarse), atol=1e-6)
    assert rule.flips(Pair(films, coarse, moved)) == ()


def test_huge_logits_do_not_overflow() -> None:
    rule = exclusive(1.0)
    logits = np.array([[1e4, 0, -1e4], [-1e30, 1e30, 0], [88, 710, 709.5], [-5e3, -5e3 - 2, -9e3]], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        odds = rule.scores(logits)
    assert np.isfinite(odds).all()
    np.testing.assert_allclose(odds, other_classes(logits), rtol=1e-6)
    assert [answer.answer for answer in rule.answers(logits)] == [LABELS[0], LABELS[1], None, LABELS[0]]


def test_ties_are_uncertain_and_the_first_of_equals_is_nearest() -> None:
    rule = exclusive(0.0)
    logits = np.array([[2, 2, -9], [-9, 2, 2], [1, 1, 1], [0, 3, 0]], np.float32)
    said = rule.answers(logits)
    assert [a.answer for a in said] == [None, None, None, LABELS[1]]
    assert [a.nearest for a in said] == [LABELS[0], LABELS[1], LABELS[0], LABELS[1]]
    assert [a.runner_up for a in said] == [LABELS[1], LABELS[2], LABELS[1], LABELS[0]]
    # of two classes a tie has log-odds of exactly 0, which a least margin of 0 would reach
    two = exclusive(0.0, ("A", "B"))
    assert two.scores(np.array([[3, 3]], np.float32)).tolist() == [[0, 0]]
    assert not two.call(np.array([[3, 3]], np.float32)).any()
    assert two.call(np.array([[3, np.nextafter(np.float32(3), np.float32(0))]], np.float32)).tolist() == [[True, False]]


def test_log_odds_exactly_at_the_margin_are_enough() -> None:
    logits = drawn(50, 3)
    odds = exclusive(0.0).scores(logits).max(1)
    for film in np.flatnonzero(odds > 0)[:10]:
        assert exclusive(float(odds[film])).call(logits[[film]]).any()
        assert not exclusive(float(np.nextafter(odds[film], np.float32(np.inf)))).call(logits[[film]]).any()


def test_a_flip_of_classes_is_one_change_a_film() -> None:
    rule = exclusive(0.5)
    reference = np.array([[4, 0, 0], [4, 0, 0], [4, 0, 0], [0, 0, 0.1], [0, 4, 0]], np.float32)
    artifact = np.array([[0, 4, 0], [1, 0.9, 0], [5, 1, 0], [0, 0, 4], [0, 4, 0]], np.float32)
    truth = np.eye(3, dtype=np.float32)[[0, 0, 0, 2, 1]]
    facts = [Facts(f"films/{i}.png", f"p{i}", truth[i]) for i in range(5)]
    found = rule.flips(Pair(facts, reference, artifact))
    assert [(f.film, f.truth, f.reference.answer, f.artifact.answer) for f in found] == [
        ("films/0.png", LABELS[0], LABELS[0], LABELS[1]),
        ("films/1.png", LABELS[0], LABELS[0], None),
        ("films/3.png", LABELS[2], None, LABELS[2]),
    ]
    lost = found[1].artifact
    assert (lost.nearest, lost.runner_up) == (LABELS[0], LABELS[1])
    assert lost.log_odds == pytest.approx(1 - np.log(np.exp(0.9) + 1), abs=1e-6)
    differ = rule.differ(rule.call(reference), rule.call(artifact))
    assert (differ.tolist(), rule.decisions(5)) == ([True, True, False, True, False], 5)
    # a change of class counts for both classes, one of them up and one of them down
    assert ups_and_downs(rule.call(reference), rule.call(artifact), LABELS) == {
        LABELS[0]: (0, 2), LABELS[1]: (1, 0), LABELS[2]: (1, 0),
    }  # fmt: skip


def test_a_change_of_class_is_explained_when_both_classes_stood_near() -> None:
    # one film stood near to the margin, and one far from it
    reference = np.array([[3, 0, 0], [0.55, 0, -99], [3, 0, -99]], np.float32)
    artifact = np.array([[3.2, 0, 0], [0.45, 0, -99], [0, 3, -99]], np.float32)
    whole = Pair([Facts(f"{i}", f"p{i}", np.eye(3, dtype=np.float32)[0]) for i in range(3)], reference, artifact)
    near, far = exclusive(0.5).flips(whole, np.full(3, 0.2))
    assert (near.film, near.explained, near.artifact.answer) == ("1", True, None)
    assert (far.film, far.explained, far.artifact.answer) == ("2", False, LABELS[1])
    # near for the class that is lost is not enough, where the class that is won stood far
    (half,) = exclusive(0.5).flips(whole.part([2]), np.array([9.0, 0.2, 0.2]))
    assert half.explained is False
    assert [flip.explained for flip in exclusive(0.5).flips(whole)] == [None, None]
