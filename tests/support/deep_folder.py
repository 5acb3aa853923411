"""A folder as deep as no path reaches: nobody can search it by name, root neither."""

from __future__ import annotations

import os
from pathlib import Path


def deepen(folder: Path) -> None:
    """Make folders below ``folder``, deeper than paths go and than calls may nest. ``rm -rf`` takes them away."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(3_000):
        os.mkdir("d", dir_fd=here)
        there = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    os.close(here)
