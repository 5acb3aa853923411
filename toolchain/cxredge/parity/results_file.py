"""The results file: what ``cxredge verify --json`` printed, read back and checked."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from cxredge.errors import InputError
from cxredge.evidence import Results
from cxredge.strict_json import first_fault

MAX_BYTES = 64_000_000


def read_results(path: Path) -> Results:
    """Parse a results file. Raises InputError RESULTS-MISSING or RESULTS-FORMAT with the place in the file."""
    if not path.is_file():
        raise InputError("RESULTS-MISSING", f"{path} is not there", "write it: cxredge verify BUNDLE --json > FILE")

    def refuse(cause: str) -> InputError:
        return InputError(
            "RESULTS-FORMAT", f"{path}: {cause}", "write it with this version: cxredge verify BUNDLE --json > FILE"
        )

    if path.stat().st_size > MAX_BYTES:
        raise refuse(f"it has {path.stat().st_size:,} bytes, more than {MAX_BYTES:,}")
    try:
        tree = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise refuse(f"not valid JSON ({error})") from error
    if not isinstance(tree, dict) or tree.get("results") != 1:
        raise refuse("it does not say that it holds results of version 1")
    try:
        return Results.model_validate_json(path.read_bytes())
    except ValidationError as error:
        place, what = first_fault(error)
        raise refuse(f"{place}: {what}") from error
