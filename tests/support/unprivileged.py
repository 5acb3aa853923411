"""A process whom file permissions bind: root reads and writes what it likes, and a test of refusals would see none."""

from __future__ import annotations

import ctypes
import os
import sys

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER = 1, 2, 3
PR_CAPBSET_DROP = 24
"""prctl(2), capabilities(7)."""


def give_up_overrides() -> None:
    """For ``preexec_fn``: the program that is executed next has no right to pass over permissions.

    It stays who it is. Where the system has no such rights, or does not let them go, nothing happens: see ``bound``.
    """
    if os.geteuid() == 0 and sys.platform == "linux":
        for right in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER):
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, right, 0, 0, 0)


def bound(closed: str) -> bool:
    """Whether permissions bind this process: it may not read the file ``closed``, whose mode is 0."""
    try:
        os.close(os.open(closed, os.O_RDONLY))
    except PermissionError:
        return True
    return False
