"""Peak memory of reading, measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.command import ROOT

PROGRAM = """\
import resource, sys
from pathlib import Path
from cxredge.errors import CxrError
from cxredge.images.read import read_film
from cxredge.recipe import InputSpec
import numpy, pydicom, pydicom.pixels, openjpeg, PIL.Image
spec = InputSpec(height=64, width=64, fit="pad")
read_film(Path(sys.argv[1]), spec)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    said = str(read_film(Path(sys.argv[2]), spec).shape)
except CxrError as error:
    said = error.code
unit = 1024 if sys.platform == "linux" else 1024**2
print(said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // unit)
"""


def reading(warm: Path, film: Path) -> tuple[str, int]:
    """Shape or code of ``film``, and the MiB that reading it took beyond reading ``warm``, an ordinary film."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "toolchain")}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, warm, film], env=environment, capture_output=True, text=True, check=True
    ).stdout
    what, grown = said.rsplit(maxsplit=1)
    return what, int(grown)
