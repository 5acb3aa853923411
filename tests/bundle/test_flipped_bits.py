"""One flipped bit, anywhere in a signed bundle: never accepted, and never anything but a refusal with a code."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cxredge.bundle.keys import PublicKey
from cxredge.bundle.signature import verify_signature
from cxredge.errors import InputError

SHARES = {"model.sig": 0.3, "manifest.json": 0.2}
"""Of the random bits; the other files share the rest evenly, whatever their sizes."""
ENDS = 4
"""Bytes at either end of each file whose every bit is flipped."""


def places(folder: Path, count: int) -> list[tuple[str, int]]:
    """File and bit, so many random ones and those at the ends."""
    files = {p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
    rest = (1 - sum(SHARES.values())) / (len(files) - len(SHARES))
    random = np.random.default_rng(20261121)
    found = []
    for name, size in sorted(files.items()):
        found += [(name, int(bit)) for bit in random.integers(8 * size, size=round(count * SHARES.get(name, rest)))]
        found += [
            (name, bit) for byte in (*range(ENDS), *range(size - ENDS, size)) for bit in range(8 * byte, 8 * byte + 8)
        ]
    return found


@pytest.mark.parametrize("count", [2_500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_flipped_bit_is_accepted(count: int, signed: Path, signer: PublicKey) -> None:
    verify_signature(signed, [signer])
    every = places(signed, count)
    assert len(every) > count
    codes: Counter[str] = Counter()
    for name, bit in every:
        with (signed / name).open("r+b", buffering=0) as stream:
            stream.seek(bit // 8)
            byte = stream.read(1)
            stream.seek(bit // 8)
            stream.write(bytes([byte[0] ^ 1 << bit % 8]))
            try:
                verify_signature(signed, [signer])
            except InputError as error:
                codes[error.code] += 1
            else:
                raise AssertionError(f"bit {bit} of {name} was flipped, and nobody saw it")
            stream.seek(bit // 8)
            stream.write(byte)
    verify_signature(signed, [signer])
    assert set(codes) == {"SIGNATURE-SYNTAX", "SIGNATURE-KEY", "SIGNATURE-WRONG", "SIGNATURE-HASH"}
