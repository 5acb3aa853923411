"""Where a film looks wrong in several ways, each is told with its own figures and fix, refusing ones first."""

from __future__ import annotations

import re

from cxredge.report.findings import WHAT_TO_DO, Accident, FilmFindings, held_back, suspicions
from cxredge.vocabulary import QUALITY_KINDS
from cxredge.workflows.predict import _refused


def film(*odds: float) -> FilmFindings:
    """What is said of a film with these log-odds, where every threshold is 1."""
    told = zip(QUALITY_KINDS, odds, strict=True)
    return FilmFindings(
        film="a.png",
        film_sha256="0" * 64,
        bundle="b",
        artifact="onnx/fp32",
        novelty=None,
        novelty_threshold=None,
        unlike_training_films=None,
        quality=tuple(Accident(kind=kind, log_odds=x, threshold=1, flagged=x >= 1) for kind, x in told),
        passed_over=(),
        findings=(),
    )


def test_what_refuses_comes_before_what_only_asks() -> None:
    found = film(2.5, -3, 4, 9.25)
    assert [accident.kind for accident in suspicions(found)] == ["turned", "inverted", "mirrored"]
    refusal = _refused(found)
    assert re.findall(r"log-odds \S+, threshold \S+\)", refusal.cause) == [
        "log-odds +4.00, threshold 1.00)",
        "log-odds +2.50, threshold 1.00)",
        "log-odds +9.25, threshold 1.00)",
    ]
    places = [refusal.fix.index(WHAT_TO_DO[kind]) for kind in ("turned", "inverted", "mirrored")]
    assert places == sorted(places)
    assert "upside down" not in refusal.text()


def test_one_alone_is_told_as_it_was() -> None:
    found = film(2.5, -3, 0, 0)
    assert held_back(found)
    assert _refused(found).cause == "this film looks inverted (log-odds +2.50, threshold 1.00)"
    assert _refused(found).fix == f"{WHAT_TO_DO['inverted']}; if it is as it should be, add --despite-quality"
    assert not held_back(film(0, 0, 0, 5))
