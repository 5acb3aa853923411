"""What a training frees and asks for again, the system need not clear again."""

from __future__ import annotations

import subprocess
import sys

FAULTS = """
import resource, sys
from cxredge.distill.freed_memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()

def fill():
    bytearray(64 << 20)

fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_memory_that_is_kept_is_not_faulted_in_again() -> None:
    # 64 MiB in pages of 4 KiB, or in huge ones of 2 MiB; with glibc only
    assert faults("back") >= 5 * 32
    assert faults("kept") < 32
