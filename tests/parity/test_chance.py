"""Whether a student does better than chance: figures against scikit-learn, and students that know nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxredge.evidence_chance import Chance
from cxredge.parity.chance import chance, student_chance
from cxredge.recipe_decision import NOT_JUDGED, Margin
from cxredge.results import BootstrapSpec
from parity.synthetic import LABELS, class_pair, exclusive, independent, pair
from report.plausible import recipe_for

QUICK = BootstrapSpec(resamples=300, level=0.95, seed=1)
RULE = independent([0, 0.5, 1])
KNOWING = pair(200, seed=1)


def of(logits: np.ndarray, judged: list[bool] | None = None, films: int = 200) -> Chance:
    told = None if judged is None else np.array(judged)
    return chance(RULE, KNOWING.truth[:films], logits[:films].astype(np.float32), KNOWING.patients[:films], told, QUICK)


def test_one_that_knows_something_is_better_by_its_whole_interval() -> None:
    found = of(KNOWING.reference)
    areas = [roc_auc_score(KNOWING.truth[:, c], KNOWING.reference[:, c]) for c in range(3)]
    assert [label.auc.value for label in found.labels] == pytest.approx(areas, abs=1e-12)
    assert found.figure.value == pytest.approx(np.mean(areas), abs=1e-12)
    assert (found.standing, found.no_better, found.majority) == ("better", (), None)
    assert (found.films, found.patients) == (200, 100)
    assert found.figure.low is not None
    assert found.figure.high is not None
    assert 0.5 < found.figure.low < found.figure.value < found.figure.high
    assert found.words.startswith("better than chance on 200 films of 100 patients: mean AUC of 3 labels 0.9")
    assert found == of(KNOWING.reference)
    assert Chance.model_validate_json(found.model_dump_json()) == found


def test_one_that_guesses_is_not_and_one_that_errs_is_worse() -> None:
    guesses = [of(np.random.default_rng(seed).normal(size=(200, 3))) for seed in range(40)]
    # an interval of 95 % lies above the truth in one of forty cases
    assert sum(guess.standing == "better" for guess in guesses) <= 4
    assert sum(guess.words.startswith("no better than chance on") for guess in guesses) >= 32
    wrong = of(-KNOWING.reference)
    assert wrong.standing == "no-better"
    assert wrong.words.startswith("worse than chance on")
    assert of(np.zeros((200, 3))).figure.value == 0.5


def test_a_label_without_knowledge_is_named_beside_a_good_mean() -> None:
    logits = KNOWING.reference.copy()
    logits[:, 1] = np.random.default_rng(2).normal(size=200)
    found = of(logits)
    assert found.standing == "better"
    assert [label.label for label in found.no_better] == ["Effusion"]
    assert f"no better than chance by themselves: Effusion {found.labels[1].auc.words}" in found.words


def test_thresholds_play_no_part() -> None:
    logits = KNOWING.reference
    other = chance(independent([9, 9, 9]), KNOWING.truth, logits, KNOWING.patients, None, QUICK)
    assert other == of(logits)


def test_labels_that_are_not_judged_count_nowhere() -> None:
    found = of(KNOWING.reference, [True, False, True])
    assert found.labels[1].auc.too_few == NOT_JUDGED
    spoilt = KNOWING.reference.copy()
    spoilt[:, 1] *= -1
    assert of(spoilt, [True, False, True]) == found
    assert "mean AUC of 2 labels" in found.words
    nothing = of(KNOWING.reference, [False] * 3)
    assert (nothing.standing, nothing.figure.too_few) == ("unknown", "no label is judged")


def test_of_few_patients_it_cannot_be_told() -> None:
    found = of(KNOWING.reference, films=16)
    assert found.standing == "unknown"
    reason = "no label has 10 positive and 10 negative patients"
    assert found.words == f"not known to be better than chance on 16 films of 8 patients: {reason}"
    assert {label.auc.value for label in found.labels} == {None}
    classes = class_pair(16)
    few = chance(exclusive(), classes.truth, classes.reference, classes.patients, None, QUICK)
    assert few.figure.too_few == "8 patients, 10 are needed"


def test_copies_of_films_make_nothing_surer() -> None:
    copied = chance(
        RULE, np.tile(KNOWING.truth, (3, 1)), np.tile(KNOWING.reference, (3, 1)), KNOWING.patients * 3, None, QUICK
    )
    assert copied.figure == of(KNOWING.reference).figure


def test_classes_are_held_against_the_commonest_one() -> None:
    found = class_pair(300, seed=3)
    knowing = chance(exclusive(), found.truth, found.reference, found.patients, None, QUICK)
    counts = found.truth.sum(0)
    assert knowing.standing == "better"
    assert knowing.majority == LABELS[int(counts.argmax())]
    assert knowing.figure.chance == pytest.approx(counts.max() / 300)
    right = (found.reference.argmax(1) == found.truth.argmax(1)).mean()
    assert knowing.figure.value == pytest.approx(right)
    assert f"always {knowing.majority} in {counts.max() / 300:.3f}" in knowing.words
    # however sure an answer has to be
    sure = chance(exclusive(50), found.truth, found.reference, found.patients, None, QUICK)
    assert sure == knowing
    one = np.zeros((300, 3), np.float32)
    one[:, int(counts.argmax())] = 1
    always = chance(exclusive(), found.truth, one, found.patients, None, QUICK)
    assert always.figure.value == always.figure.chance
    assert always.standing == "no-better"


def test_films_of_one_class_tell_nothing() -> None:
    """Whoever names that class always is right as often."""
    logits = np.tile(np.float32([3, 0, 0]), (30, 1))
    owners = [f"p{film}" for film in range(30)]
    found = chance(exclusive(), np.tile([True, False, False], (30, 1)), logits, owners, None, QUICK)
    assert (found.standing, found.figure.words) == ("unknown", f"all films are {LABELS[0]}")


def test_classes_that_the_margin_leaves_uncertain_are_named() -> None:
    """A share of nearest classes says nothing of a margin that no film reaches."""
    films = class_pair(300, seed=3)
    logits = films.reference.copy()
    logits[:, 1:] -= logits[:, 1:].min() - 1  # of classes 1 and 2 some log-odds, of class 0 great ones
    logits[:, 0] = np.where(films.truth[:, 0], 90, -90)
    plain = recipe_for(list(LABELS), ("tflite/fp32",), kind="single-label")

    def words(margin: float) -> tuple[str, tuple[str, ...]]:
        recipe = plain.model_copy(update={"least_margin": Margin(log_odds=margin, rule="by hand")})
        found = student_chance(recipe, films.truth, logits, films.patients, QUICK)
        assert Chance.model_validate_json(found.model_dump_json()) == found
        return found.words, found.never_named

    said, never = words(0)
    assert never == ()
    assert "the nearest class, whatever the margin, is right in a share of" in said
    assert "never named" not in said
    said, never = words(50)
    assert never == tuple(LABELS[1:])
    assert said.endswith(f"with the recipe's margin {LABELS[1]} and {LABELS[2]} are never named on these films")
    said, never = words(1000)
    assert never == tuple(LABELS)
    assert said.endswith("with the recipe's margin no class is named on these films")
