"""Freed memory that a training keeps, because its next step asks for the same again."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of glibc's ``mallopt`` (malloc.h)."""
NEVER = -1


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed from now on, in this process. Returns whether it will.

    glibc maps each large tensor by itself and hands it back when it is freed; the system then clears every page of the
    next one. That was a fifth of a step's CPU time (``benchmarks/freed_memory.py``). Numbers stay the same. Elsewhere
    than with glibc nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, NEVER))
