"""What a way answered to the films that it was measured on, kept: what is there is not trained, nor asked, again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.files import read_bytes, write_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES = 1 << 30
NAME = "answers.safetensors"


@dataclass(frozen=True, eq=False)
class WayAnswers:
    """logits float32[n, C] of the held-out films, and what the model took.

    calibration_films: that set its ranges, of the quantised teacher.
    """

    logits: NDArray[np.float32]
    parameters: int
    bytes: int
    seconds: float
    calibration_films: int = 0


@dataclass(frozen=True)
class AnswersFile:
    """``path`` holds answers that ``configuration``, a hash, decided; others count as none."""

    path: Path
    configuration: str

    def read(self) -> WayAnswers | None:
        """The answers; None where there are none of this configuration, or the file is damaged."""
        import numpy as np
        from safetensors import SafetensorError
        from safetensors.numpy import load

        if not os.path.isfile(self.path):
            return None
        data = read_bytes(self.path, MAX_BYTES)
        try:
            length = int.from_bytes(data[:8], "little")
            kept = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["kept"])
            if kept["configuration"] != self.configuration:
                return None
            found = WayAnswers(load(data)["logits"], **kept["facts"])
        except (SafetensorError, ValueError, KeyError, TypeError):
            return None
        return found if found.logits.dtype == np.float32 and found.logits.ndim == 2 else None

    def write(self, found: WayAnswers) -> None:
        """Write them at once, whole. Raises what ``write_bytes`` raises."""
        from safetensors.numpy import save

        facts = asdict(found)
        del facts["logits"]
        # one entry: safetensors writes several in any order
        kept = json.dumps({"configuration": self.configuration, "facts": facts}, sort_keys=True)
        write_bytes(self.path, save({"logits": found.logits}, metadata={"kept": kept}))
