"""What a program of one operator is refused with."""

from __future__ import annotations

from typing import Any

import pytest

from cxredge.errors import InputError
from mlprogram.operators.one import evaluate


def code(kind: str, tensors: Any, values: Any = None, results: Any = (), constants: Any = None) -> str:
    """The code of the InputError that a program of this one operator raises."""
    with pytest.raises(InputError) as caught:
        evaluate(kind, tensors, values, results, constants)
    return caught.value.code
