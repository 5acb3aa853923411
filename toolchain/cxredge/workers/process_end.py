"""How a worker's process ends: at once, with its status, whatever happened."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn


@dataclass
class End:
    """The status that the process will end with."""

    status: int = 1


@contextlib.contextmanager
def to_its_end() -> Iterator[End]:
    """The last block of a process: it ends with the block, and never returns into what it was forked from."""
    end = End()
    try:
        yield end
    except SystemExit as left:
        end.status = left.code if isinstance(left.code, int) else int(left.code is not None)
        print(left, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        leave(end.status)


def leave(status: int) -> NoReturn:
    """End this process at once: an interpreter takes more than a second to take torch apart, and nobody needs it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
