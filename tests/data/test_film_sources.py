from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.data.film import Film
from cxredge.data.film_sources import sources_of
from cxredge.errors import InputError


def film(**columns: str) -> Film:
    return Film("a.png", Path("a.png"), "p", "train", np.zeros(1, np.float32), columns)


def test_cells_are_read_and_a_column_that_is_not_there_is_refused() -> None:
    assert sources_of([film(source="x "), film(source="y")], "source") == ("x", "y")
    with pytest.raises(InputError) as caught:
        sources_of([film(source="x", view="PA")], "sourse")
    assert (caught.value.code, caught.value.choices[0]) == ("DISTILL-BALANCE", "source")
