from __future__ import annotations

import pytest

from cxredge.evidence import Evidence
from cxredge.parity.decisions import rule_of
from cxredge.parity.label_evidence import examine
from cxredge.parity.measures import measure
from cxredge.results import BootstrapSpec
from parity.synthetic import LABELS, pair, recipe

SHORT = BootstrapSpec(resamples=200, level=0.95, seed=1)
DIGEST = "a" * 64


@pytest.mark.parametrize("films", [3, 120])
def test_evidence_is_what_was_measured_and_round_trips(films: int) -> None:
    evaluation = pair(films, error=1, columns=({"view": "AP"}, {"view": "PA"}))
    rule = rule_of(LABELS, recipe().decision)
    measured = measure(recipe(), evaluation, pair(60), SHORT)
    found = examine("tflite/w8a8", DIGEST, rule, evaluation, measured)
    assert (found.labels, found.macro, found.flips) == (measured.labels, measured.macro, measured.flips)
    assert [part.value for part in found.subgroups] == ["AP", "PA"]
    assert found.bootstrap == SHORT
    assert Evidence.model_validate_json(found.model_dump_json()) == found
