"""Within what another machine must land: the unit is a step of the cam or, without one, of the logits."""

from __future__ import annotations

import numpy as np

from cxredge.bundle.assemble import Parts
from cxredge.bundle.selftest import tolerance
from cxredge.results import Artifact

LOGITS, CAM = np.full((1, 3), 2, np.float32), np.full((1, 3, 2, 2), 5, np.float32)


def test_int8_is_held_by_steps_and_float_by_shares(parts: Parts) -> None:
    integer, _ = parts.artifacts["onnx/w8a8"]
    found = tolerance(integer, {"logits": LOGITS, "cam": CAM})
    assert (found.logits_abs, found.cam_abs, found.novelty_rel) == (0.01, 0.04, None)
    alone = integer.model_copy(update={"cam_step": None, "logit_step": 0.002})
    found = tolerance(alone, {"logits": LOGITS})
    assert (found.logits_abs, found.cam_abs, found.novelty_rel) == (0.008, None, None)
    single, _ = parts.artifacts["onnx/fp32"]
    assert tolerance(single, {"logits": LOGITS}).logits_abs == 0.002


def test_a_step_of_logits_stands_in_the_record_only_where_there_is_no_cam(parts: Parts) -> None:
    integer, _ = parts.artifacts["onnx/w8a8"]
    assert "logit_step" not in integer.model_dump(mode="json")
    alone = integer.model_copy(update={"cam_step": None, "logit_step": 0.002})
    assert Artifact.model_validate_json(alone.model_dump_json()) == alone
