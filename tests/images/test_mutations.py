"""Damaged films: refused by code or read, and never another exception, a crash, a hang or memory without end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from tempfile import TemporaryFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images.mutations import GREY, SYNTAX, mutant, seed_film, seeds, spec_of

from cxredge.errors import InputError
from cxredge.images.dicom import SYNTAXES
from cxredge.images.preprocess import preprocess
from cxredge.vectors.sources import dicom
from support.command import ROOT

PATIENCE = 300
"""Seconds without a word after which a film hangs; an ordinary mutant takes some milliseconds."""


def read_apart(first: int, last: int) -> dict[int, str]:
    """Verdict of each mutant, read in processes of their own: one that ends its process is named, the rest go on."""
    verdicts: dict[int, str] = {}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "toolchain"), str(ROOT / "tests")])}
    while first < last:
        command = [sys.executable, "-X", "faulthandler", "-m", "images.mutations", str(first), str(last)]
        with TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
            current = None
            for number, verdict in map(json.loads, _lines(process)):
                current = number if verdict is None else None
                if verdict is not None:
                    verdicts[number] = verdict
            status = process.wait()
            errors.seek(0)
            said = errors.read()[-2000:]
        if current is None:
            assert status == 0, said
            break
        verdicts[current] = f"ended the process ({status}): {said}"
        first = current + 1
    return verdicts


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """What a process says, which is ended where it is silent for too long."""
    assert process.stdout is not None
    while True:
        alarm = threading.Timer(PATIENCE, process.kill)
        alarm.start()
        line = process.stdout.readline()
        alarm.cancel()
        if not line:
            return
        yield line


def hold(first: int, last: int) -> None:
    verdicts = read_apart(first, last)
    assert set(verdicts) == set(range(first, last))
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = {}
    for number, verdict in verdicts.items():
        film = mutant(number)
        kinds[film.kind][verdict] += 1
        if verdict not in ("same", "changed") and not verdict.startswith("IMG-"):
            wrong[number] = verdict
        # a PNG's every byte stands under a checksum, so one that is read is the film that was written
        if verdict == "changed" and film.kind.startswith("png") and not film.sealed:
            wrong[number] = "is read as another film, with its checksums as they were"
    for kind, counts in sorted(kinds.items()):
        print(f"{kind:24}", dict(sorted(counts.items())))
    print(f"{len(verdicts)} films:", dict(sorted(sum(kinds.values(), Counter()).items())))
    assert not wrong


def test_every_syntax_has_a_seed_that_is_read() -> None:
    for kind in seeds():
        assert seed_film(kind).ndim == (3 if spec_of(kind).channels == 3 else 2), kind
    assert {kind.split()[1] if " " in kind else "" for kind in seeds() if kind.startswith("dicom")} == {
        *SYNTAX,
        "colour",
    }
    assert set(SYNTAX.values()) == set(SYNTAXES)


def test_a_mutant_is_always_the_same() -> None:
    assert mutant(17) == mutant(17)
    assert len({mutant(number).data for number in range(200)}) > 190


def test_hundreds_of_films() -> None:
    hold(0, 600)


@pytest.mark.slow
def test_ten_thousand_films() -> None:
    hold(0, 10_000)


def survives(data: bytes) -> None:
    try:
        film = preprocess(data, GREY)
    except InputError as error:
        assert error.code.startswith("IMG-")
    else:
        assert film.shape == (1, 16, 16)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\0" * 128 + b"DICM"]), st.binary(max_size=400))
def test_noise_behind_a_signature(signature: bytes, noise: bytes) -> None:
    survives(signature + noise)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        ["Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"]
    ),
    st.integers(0, 65535),
)
def test_any_number_in_the_header(keyword: str, value: int) -> None:
    survives(dicom(np.arange(64).reshape(8, 8), **{keyword: value}))
