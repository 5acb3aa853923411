"""Two paths change places in one step, so that at no moment nothing is at one of them."""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""How systems and file systems say that they cannot."""
AT_FDCWD = -100
RENAME_EXCHANGE = 2
"""Linux, renameat2(2)."""
RENAME_SWAP = 2
"""macOS, renamex_np(2)."""


def exchange(one: Path, two: Path) -> bool:
    """Exchange two paths of one file system; False where the system or the file system has no such thing.

    Raises OSError, as where one of them is not there. On macOS not verified here.
    """
    libc = _libc()
    before, after = os.fsencode(one), os.fsencode(two)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(before, after, RENAME_SWAP)
    elif sys.platform == "linux" and hasattr(libc, "renameat2"):
        failed = libc.renameat2(AT_FDCWD, before, AT_FDCWD, after, RENAME_EXCHANGE)
    else:
        return False
    if not failed:
        return True
    import ctypes

    number = ctypes.get_errno()
    if number in UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(two))


@cache
def _libc() -> Any:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    text, number = ctypes.c_char_p, ctypes.c_int
    if hasattr(libc, "renameat2"):
        libc.renameat2.argtypes = [number, text, number, text, ctypes.c_uint]
    if hasattr(libc, "renamex_np"):
        libc.renamex_np.argtypes = [text, text, ctypes.c_uint]
    return libc
