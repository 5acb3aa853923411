"""What is said of one film, by the manifest's rule: findings, or one class or "uncertain", and what to beware of."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from cxredge.bundle.bundle import read_manifest
from cxredge.bundle.model import Model
from cxredge.report.findings import FilmClass, FilmFindings, findings, held_back, looks, suspicions, text
from support.bundles import V2

FILM = ("film.png", "0" * 64, "bundle-1.0.0-0123456789ab", "tflite/fp32", {})


def model(name: str, **changes: Any) -> Model:
    tree = read_manifest(V2 / name).model.model_dump(mode="json")
    return Model.model_validate_json(json.dumps({**tree, **changes}))


def outputs(*logits: float, novelty: float = 0.0, quality: tuple[float, ...] = ()) -> dict[str, np.ndarray]:
    found = {"logits": np.array([logits], np.float32), "novelty": np.array([novelty], np.float32)}
    return {**found, "quality": np.array([quality], np.float32)} if quality else found


def log_odds(*logits: float) -> list[float]:
    from scipy.special import logsumexp

    return [x - float(logsumexp([y for j, y in enumerate(logits) if j != i])) for i, x in enumerate(logits)]


def test_one_class_is_named_when_it_is_sure_enough() -> None:
    logits = (0.5, 3.0, 1.0)
    found = findings(model("classes"), outputs(*logits), *FILM)
    assert isinstance(found, FilmClass)
    assert (found.answer, found.nearest, found.runner_up) == ("enlarged_heart", "enlarged_heart", "fluid")
    np.testing.assert_allclose([c.log_odds for c in found.classes], log_odds(*logits), rtol=1e-6)
    assert found.log_odds == found.classes[1].log_odds > found.least_margin == 0.25
    assert [c.logit for c in found.classes] == list(logits)
    assert found.foremost == "enlarged_heart"
    said = text(found, phantom=False)
    assert "enlarged_heart  (log-odds +1.53, 0.25 is needed; runner-up fluid)" in said
    assert "uncertain" not in said


def test_a_film_between_two_classes_is_uncertain() -> None:
    found = findings(model("classes"), outputs(2.0, 1.9, -4.0), *FILM)
    assert isinstance(found, FilmClass)
    assert found.answer is None
    assert (found.nearest, found.runner_up, found.foremost) == ("clear", "enlarged_heart", "clear")
    said = text(found, phantom=True)
    assert "uncertain: nearest clear" in said
    assert "say nothing about people" in said
    assert all(len(line) <= 100 for line in said.splitlines())


def test_a_shift_of_all_logits_changes_nothing_that_is_said() -> None:
    one, other = (
        findings(model("classes"), outputs(*(x + shift for x in (0.5, 3.0, 1.0))), *FILM) for shift in (0, 512)
    )
    assert isinstance(one, FilmClass)
    assert isinstance(other, FilmClass)
    assert (one.answer, one.runner_up) == (other.answer, other.runner_up)
    assert one.log_odds == pytest.approx(other.log_odds, abs=1e-3)


def test_what_a_model_does_not_give_is_null_and_not_spoken_of() -> None:
    found = findings(model("bundle", novelty=None), {"logits": np.array([[1, -1]], np.float32)}, *FILM)
    assert isinstance(found, FilmFindings)
    assert (found.novelty, found.novelty_threshold, found.unlike_training_films, found.quality) == (None,) * 4
    said = text(found, phantom=False)
    assert "novelty" not in said
    assert "does not notice" in said


def test_an_accident_at_its_threshold_is_told() -> None:
    spec = [{"kind": "inverted", "threshold": 0.5}, {"kind": "turned", "threshold": 1.0}]
    found = findings(model("bundle", quality=spec), outputs(0, 0, quality=(0.5, 0.999)), *FILM)
    assert found.quality is not None
    assert [(a.kind, a.flagged) for a in found.quality] == [("inverted", True), ("turned", False)]
    said = text(found, phantom=False)
    assert "this film looks inverted (log-odds +0.50, threshold 0.50)" in said
    assert "turned" not in said
    assert held_back(found)


def test_what_a_film_looks_like_comes_before_any_finding_and_the_likeliest_first() -> None:
    kinds = ("inverted", "upside-down", "turned", "mirrored")
    spec = [{"kind": kind, "threshold": 0.0} for kind in kinds]
    found = findings(model("bundle", quality=spec), outputs(0, 0, quality=(-1, 1.5, 4, 2)), *FILM)
    assert [accident.kind for accident in suspicions(found)] == ["turned", "upside-down", "mirrored"]
    assert looks(suspicions(found)) == "turned on its side or upside down or mirrored"
    lines = text(found, phantom=False).splitlines()
    first = min(i for i, line in enumerate(lines) if "operating point" in line)
    assert [i for i, line in enumerate(lines) if "this film looks" in line] == [1, 3, 5]
    assert lines[first - 1] == "    do not rely on the findings:"
    assert "turn it upright" in lines[2]


def test_mirrored_is_no_more_than_a_question() -> None:
    spec = [{"kind": "mirrored", "threshold": 0.0}]
    found = findings(model("bundle", quality=spec), outputs(0, 0, quality=(3,)), *FILM)
    assert len(suspicions(found)) == 1
    assert not held_back(found)
    said = text(found, phantom=False)
    assert "may be the patient's own" in said
    assert "do not rely" not in said


def test_novelty_is_flagged_above_its_threshold_only() -> None:
    for novelty, flagged in ((1000.0, False), (1000.1, True)):
        found = findings(model("bundle"), outputs(0, 0, novelty=novelty), *FILM)
        assert found.unlike_training_films is flagged
        assert ("do not rely" in text(found, phantom=False)) is flagged


def test_a_films_name_cannot_steer_the_terminal() -> None:
    found = findings(model("bundle"), outputs(0, 0), "a\x1b[2J.png", *FILM[1:])
    assert "\x1b" not in text(found, phantom=False)
    assert found.film == "a\x1b[2J.png"


def test_labels_with_too_few_patients_are_named() -> None:
    few = {"Nodule": "5 positive patients, 10 are needed"}
    found = findings(model("bundle"), outputs(0, 0), *FILM[:4], few)
    assert isinstance(found, FilmFindings)
    assert [f.too_few for f in found.findings] == [None, few["Nodule"]]
    assert "rests on too few patients: Nodule" in text(found, phantom=False)


@pytest.mark.parametrize(("name", "logits"), [("bundle", (0, 0)), ("classes", (0, 0, 0))])
def test_what_was_passed_over_is_said_first_and_in_the_record(name: str, logits: tuple[float, ...]) -> None:
    plain = findings(model(name), outputs(*logits), *FILM)
    assert plain.passed_over == ()
    assert "warning" not in text(plain, phantom=False)
    found = findings(model(name), outputs(*logits), *FILM, ("modality MR", "view LL"))
    assert found.model_dump(mode="json") == {**plain.model_dump(mode="json"), "passed_over": ["modality MR", "view LL"]}
    said = text(found, phantom=False).splitlines()
    warning = "modality MR, view LL: not the kind of film that this model takes; do not rely on the findings"
    assert f"  warning: {warning}" in said
    assert [line for line in said if "warning" not in line] == text(plain, phantom=False).splitlines()
