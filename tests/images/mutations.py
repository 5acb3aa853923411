"""Films damaged by lot, each number always the same way: PNG, JPEG, and DICOM of every transfer syntax.

Run as a program it reads the mutants FROM to TO (exclusive) in this process and prints a line before and after each, so
that whoever started it knows which one ended it: see ``test_mutations``.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import warnings
import zlib
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.images.dicom import SYNTAXES
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import chunk, dicom, jpeg, lut, png, scene
from support.damage import Change, block, extreme, flip, leave_out, repeat, swap
from support.jpeg_lossless import jpeg_lossless

LIMIT = 1 << 30
"""Bytes of address space that reading may take beyond what the loaded program has."""
GREY = InputSpec(height=16, width=16, fit="pad")
COLOUR = GREY.model_copy(update={"channels": 3})
STRETCHED = GREY.model_copy(update={"no_window": "min-max"})
SYNTAX = {uid.removeprefix("1.2.840.10008.1.2"): uid for uid in SYNTAXES}


@dataclass(frozen=True)
class Mutant:
    """Film number ``number``. sealed: its PNG checksums were made right again."""

    number: int
    kind: str
    data: bytes
    sealed: bool


@cache
def seeds() -> dict[str, bytes]:
    """Kind -> a small film that is read."""
    grey, deep = scene(40, 33, 0, 255).astype(np.uint8), scene(40, 33, 0, 4095)
    colour = np.dstack([scene(40, 33, 0, 255, seed).astype(np.uint8) for seed in (1, 2, 3)])
    window: dict[str, Any] = {"WindowCenter": 1800, "WindowWidth": 2100}
    films = {
        "png grey": png(grey),
        "png 16 bit": png(scene(40, 33, 0, 65535).astype(np.uint16)),
        "png packed": _saved(grey, "PNG", optimize=True),
        "png palette": _saved(grey, "PNG", mode="P"),
        "png colour": png(colour),
        "png interlaced": _interlaced(grey),
        "jpeg baseline": jpeg(grey, 6),
        "jpeg progressive": _saved(grey, "JPEG", progressive=True),
        "jpeg colour": _saved(colour, "JPEG", subsampling="4:2:0", restart_marker_rows=1),
        "jpeg optimized": _saved(grey, "JPEG", optimize=True),
        "dicom .1": dicom(deep, VOILUTSequence=lut(0, 12, np.arange(4096) ** 2 // 4112)),
        "dicom": _in_syntax(dicom(deep, RescaleSlope=2, RescaleIntercept=-5, **window), ""),
        "dicom .2": _in_syntax(dicom(deep, **window), ".2"),
        "dicom .1.99": _in_syntax(dicom(deep, **window), ".1.99"),
        "dicom .5": _in_syntax(dicom(deep, **window), ".5"),
        "dicom colour": dicom(colour, bits=8),
    }
    for bits, film in ((8, grey), (16, (16 * deep).astype(np.uint16))):
        for syntax, options in ((".4.90", {}), (".4.91", {"irreversible": True, "quality_layers": [9, 3]})):
            stream = _saved(film, "JPEG2000", no_jp2=True, num_resolutions=4, **options)
            films[f"dicom {syntax} {bits} bit"] = _encapsulated(dicom(film, bits=bits), stream, syntax)
    tiles = _saved(grey, "JPEG2000", no_jp2=True, tile_size=(16, 16), num_resolutions=2)
    films["dicom .4.90 tiles"] = _encapsulated(dicom(grey, bits=8), tiles, ".4.90")
    films["dicom .4.50"] = _encapsulated(dicom(grey, bits=8), jpeg(grey), ".4.50")
    extended = jpeg(grey).replace(b"\xff\xc0", b"\xff\xc1", 1)
    films["dicom .4.51"] = _encapsulated(dicom(grey, bits=8), extended, ".4.51")
    for syntax in (".4.57", ".4.70"):
        stream = jpeg_lossless(deep.astype(np.uint16), 8 if syntax == ".4.57" else 0)
        films[f"dicom {syntax}"] = _encapsulated(dicom(deep), stream, syntax)
    for syntax, name in ((".4.80", "MR_small_jpeg_ls_lossless"), (".4.81", "JPEGLSNearLossless_16")):
        films[f"dicom {syntax} sample"] = _sample(name)
    films["dicom .4.51 sample"] = _sample("JPGExtended")
    return films


def mutant(number: int) -> Mutant:
    """A film damaged once to four times."""
    rng = Generator(PCG64(number))
    kinds = list(seeds())
    kind = kinds[number % len(kinds)]
    data = seeds()[kind]
    for _ in range(int(rng.choice((1, 1, 1, 2, 4)))):
        change = CHANGES[rng.integers(len(CHANGES))]
        data = change(rng, data)
    sealed = kind.startswith("png") and bool(rng.random() < 0.5)
    return Mutant(number, kind, _seal(data) if sealed else data, sealed)


def _place(rng: Generator, data: bytes, size: int = 1) -> int:
    """Half of the time where the compressed or packed image begins, else in the header behind it, or anywhere."""
    end = max(1, len(data) - size)
    dicom_file = data[128:132] == b"DICM"
    start = max(data.find(b"\xe0\x7f\x10\x00"), data.find(b"\x7f\xe0\x00\x10"), 0) if dicom_file else 2
    lot = rng.random()
    if lot < 0.5:
        return min(start + int(rng.integers(0, 300)), end - 1)
    if lot < 0.75 and dicom_file:
        return min(int(rng.integers(144, max(145, start))), end - 1)
    return int(rng.integers(0, end))


def _length(rng: Generator, data: bytes) -> bytes:
    """A length by a little too much or too little, where a marker, a tag or a chunk's name stands."""
    marks = [
        at
        for mark in (b"\xff\xc0", b"\xff\xda", b"\xff\x52", b"\x00\x28", b"\x28\x00", b"IDAT", b"\xfe\xff\x00\xe0")
        for at in _finds(data, mark)
    ]
    if not marks:
        return extreme(rng, data, _place)
    at = min(max(marks[rng.integers(len(marks))] + int(rng.integers(-4, 12)), 0), len(data) - 1)
    return data[:at] + bytes([(data[at] + int(rng.integers(-3, 4))) % 256]) + data[at + 1 :]


def _finds(data: bytes, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0 and len(found) < 50:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


def _cut(rng: Generator, data: bytes) -> bytes:
    """The end is missing; often the end marker of its kind is put behind what is left."""
    tails = (b"", b"", b"\xff\xd9", chunk(b"IEND", b""), bytes(64), b"\xff" * 64)
    return data[: int(rng.integers(0, len(data) + 1))] + tails[rng.integers(len(tails))]


def _splice(rng: Generator, data: bytes) -> bytes:
    """A piece of another film put in."""
    other = list(seeds().values())[rng.integers(len(seeds()))]
    start, end = block(rng, other, _place)
    at = _place(rng, data)
    return data[:at] + other[start:end] + data[at + (end - start if rng.random() < 0.5 else 0) :]


_FLIP, _EXTREME, _REPEAT, _LEAVE_OUT, _SWAP = (
    partial(change, place=_place) for change in (flip, extreme, repeat, leave_out, swap)
)
CHANGES: tuple[Change, ...] = (_FLIP, _EXTREME, _EXTREME, _length, _cut, _REPEAT, _LEAVE_OUT, _SWAP, _splice)


def _seal(data: bytes) -> bytes:
    """Make the checksums of a PNG's chunks right, as far as its chunks can be followed."""
    out = bytearray(data)
    at = 8
    while at + 12 <= len(out):
        end = at + 8 + int.from_bytes(out[at : at + 4])
        if end + 4 > len(out):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)


def _saved(pixels: NDArray[np.integer], kind: str, mode: str | None = None, **options: Any) -> bytes:
    from PIL import Image

    out = BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(out, kind, **options)
    return out.getvalue()


def _interlaced(grey: NDArray[np.uint8]) -> bytes:
    """Adam7 (PNG 8.2), no filters."""
    steps = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    passes = (grey[top::down, left::right] for top, left, down, right in steps)
    lines = b"".join(b"\0" + row.tobytes() for part in passes for row in part)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 1))
    return png(grey)[:8] + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def _in_syntax(data: bytes, syntax: str) -> bytes:
    from pydicom import dcmread, dcmwrite
    from pydicom.uid import UID, RLELossless

    film = dcmread(BytesIO(data))
    if syntax == ".5":
        film.compress(RLELossless, generate_instance_uid=False)
    if syntax == ".2":
        film.PixelData = np.frombuffer(film.PixelData, "<u2").astype(">u2").tobytes()
    film.file_meta.TransferSyntaxUID = UID(SYNTAX[syntax])
    out = BytesIO()
    implicit, little = syntax == "", syntax != ".2"
    dcmwrite(out, film, implicit_vr=implicit, little_endian=little, force_encoding=True)
    return out.getvalue()


def _encapsulated(data: bytes, stream: bytes, syntax: str) -> bytes:
    from pydicom import dcmread
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    film = dcmread(BytesIO(data))
    film.file_meta.TransferSyntaxUID = UID(SYNTAX[syntax])
    film.PixelData = encapsulate([stream])
    film["PixelData"].is_undefined_length = True
    out = BytesIO()
    film.save_as(out)
    return out.getvalue()


def _sample(name: str) -> bytes:
    """A generated or anonymous sample that comes with pydicom: nothing here writes JPEG-LS or 12-bit JPEG."""
    from pydicom.data import get_testdata_file

    path = get_testdata_file(f"{name}.dcm", download=False)
    assert isinstance(path, str)
    return Path(path).read_bytes()


def spec_of(kind: str) -> InputSpec:
    """What reads films of a kind."""
    return COLOUR if "colour" in kind else STRETCHED if "sample" in kind else GREY


@cache
def seed_film(kind: str) -> NDArray[np.uint8]:
    """The film of a seed."""
    return read_film(seeds()[kind], spec_of(kind))


def verdict(film: Mutant) -> str:
    """The code of the refusal, "same" or "changed" (against the seed's film), or what else came of reading."""
    try:
        read = read_film(film.data, spec_of(film.kind))
    except InputError as error:
        return error.code
    except MemoryError:
        return "memory"
    except BaseException as error:
        return f"raised {type(error).__name__}: {error}"
    ends = 2 if spec_of(film.kind).channels == 1 else 3
    if read.dtype != np.uint8 or read.ndim != ends or not read.flags.c_contiguous:
        return f"gave {read.dtype}{read.shape}"
    return "same" if np.array_equal(read, seed_film(film.kind)) else "changed"


def main(first: int, last: int) -> None:
    """Read mutants first..last (exclusive) and print [number, null], then [number, verdict], for each."""
    warnings.simplefilter("ignore")
    for kind in seeds():
        seed_film(kind)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + LIMIT,) * 2)
    for number in range(first, last):
        print(json.dumps([number, None]), flush=True)
        print(json.dumps([number, verdict(mutant(number))]), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
