"""The results file: what ``cxredge verify --json`` printed, read back and checked."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from cxredge import strict_json
from cxredge.errors import InputError
from cxredge.evidence import Results
from cxredge.files import read_bytes
from cxredge.path_errors import shown

MAX_BYTES = 64_000_000


def read_results(path: Path) -> Results:
    """Parse a results file. Raises InputError RESULTS-MISSING, RESULTS-FORMAT with the place in it, PATH-READ."""
    if not os.path.lexists(path):
        raise InputError(
            "RESULTS-MISSING", f"{shown(path)} is not there", "write it: cxredge verify BUNDLE --json > FILE"
        )

    def refuse(cause: str) -> InputError:
        return InputError(
            "RESULTS-FORMAT",
            f"{shown(path)}: {cause}",
            "write it with this version: cxredge verify BUNDLE --json > FILE",
        )

    data = read_bytes(path, MAX_BYTES)
    try:
        tree = strict_json.parse(data, MAX_BYTES)
    except ValueError as error:
        raise refuse(f"not valid JSON ({error})") from error
    if not isinstance(tree, dict) or tree.get("results") != 1:
        raise refuse("it does not say that it holds results of version 1")
    try:
        return Results.model_validate_json(data)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise refuse(f"{place}: {what}") from error
