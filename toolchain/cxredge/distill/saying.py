"""To whoever waits."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """One line, on standard error."""
    print(line, file=sys.stderr, flush=True)
