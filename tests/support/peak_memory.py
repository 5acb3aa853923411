"""Peak memory of reading, measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.command import ROOT

# a process begins with its parent's peak in ru_maxrss (Linux keeps it over exec), so its own is read from /proc
PROGRAM = """\
import resource, sys
from pathlib import Path
from cxredge.errors import CxrError
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
import numpy, pydicom, pydicom.pixels, openjpeg, PIL.Image
def peak():
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024**2
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
spec = InputSpec(height=64, width=64, fit="pad")
read_film(Path(sys.argv[1]), spec)
before = peak()
try:
    said = str(read_film(Path(sys.argv[2]), spec).shape)
except CxrError as error:
    said = error.code
print(said, peak() - before)
"""


def reading(warm: Path, film: Path) -> tuple[str, int]:
    """Shape or code of ``film``, and the MiB that reading it took beyond reading ``warm``, an ordinary film."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "toolchain")}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, warm, film], env=environment, capture_output=True, text=True, check=True
    ).stdout
    what, grown = said.rsplit(maxsplit=1)
    return what, int(grown)
