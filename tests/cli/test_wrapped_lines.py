"""Lines on a terminal end between words, and what is typed as it stands is not broken."""

from __future__ import annotations

import pytest

from cxredge.cli.output import _wrapped

LONG = "the reason is told in many words that fill most of a line"


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        (f"fix: {LONG}, then run `cxredge quality model_zoo/q` and look", "`cxredge quality model_zoo/q`"),
        (f"{LONG}; run: cxredge thresholds model_zoo/with-a-name", "cxredge thresholds model_zoo/with-a-name"),
        (
            "  cxredge explain dist/with-a-name --artifact onnx/w8a8",
            "cxredge explain dist/with-a-name --artifact onnx/w8a8",
        ),
    ],
)
def test_commands_stay_whole(line: str, whole: str) -> None:
    for width in range(40, 100):
        parts = _wrapped(line, width)
        assert any(whole in part for part in parts)
        assert " ".join(part.strip() for part in parts) == line.strip()
        assert all(len(part) <= width or whole in part for part in parts)
