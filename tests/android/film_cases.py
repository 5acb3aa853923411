"""Generated and damaged films, and what the reference makes of them: the Kotlin reader is held to the same bytes.

``film_cases.py OUT`` writes ``OUT/films.bin`` (PNG files, end to end) and ``OUT/index.json``: for each its place in
that file, the input spec, and what ``cxredge.images.preprocess`` says: the SHA-256 of the final uint8[ch, H, W], or the
code that it refuses by. Among them are the DICOM files of ``film_dicoms``. ``OUT/mutants.json`` is ``film_mutants``,
``OUT/jpegs.bin`` and ``OUT/jpegs.json`` are ``film_jpegs``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import PIL
from film_dicoms import encoded, of_kinds, unread
from film_jpegs import write as write_jpegs
from film_mutants import PASSES, mutants
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.files import anything, canonical_json, fresh_directory, sha256_bytes
from cxredge.images.preprocess import preprocess
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import chunk

CASES = 1050
Kind = Literal["grey", "grey-as-rgb", "colour", "palette", "grey-palette", "grey-alpha", "rgb-alpha"]
FITS: tuple[Literal["pad", "crop", "squash"], ...] = ("pad", "crop", "squash")


@dataclass(frozen=True)
class Case:
    """One film and how it is to be read."""

    name: str
    data: bytes
    spec: InputSpec


def case(number: int) -> Case:
    """Case ``number``, always the same: size, content, kind, depth, filters, interlace, orientation and spec by lot."""
    rng = np.random.Generator(np.random.PCG64(number))
    kind: Kind = get_args(Kind)[rng.choice(7, p=(0.5, 0.08, 0.1, 0.1, 0.1, 0.06, 0.06))]
    depth = int(rng.choice((1, 2, 4, 8, 8, 8, 16, 16))) if kind == "grey" else 8
    if kind.endswith("palette"):
        depth = int(rng.choice((1, 2, 4, 8)))
    height, width = _sizes(rng)
    interlaced, tag = bool(rng.random() < 0.2), int(rng.integers(0, 9))
    data = _png(rng, kind, depth, _levels(rng, height, width, depth), interlaced, tag)
    spec = InputSpec(
        height=int(rng.integers(16, 300)),
        width=int(rng.integers(16, 300)),
        channels=3 if kind in ("colour", "rgb-alpha", "palette") else 1,
        fit=FITS[rng.integers(3)],
        pad_value=int(rng.choice((0, 0, 255, int(rng.integers(256))))),
        # one value alone cannot be stretched
        no_window="min-max" if rng.random() < 0.25 and height * width > 16 else "stored-range",
    )
    name = f"{number}-{kind}-{depth}-{height}x{width}{'-adam7' if interlaced else ''}-{tag}.png"
    return Case(name, data, spec)


def _sizes(rng: np.random.Generator) -> tuple[int, int]:
    """Mostly 1..400 on a side and alike; every tenth a film much longer than wide, or the other way round."""
    if rng.random() < 0.1:
        pair = int(rng.integers(1, 5)), int(rng.integers(100, 3000))
        return pair if rng.random() < 0.5 else (pair[1], pair[0])
    return int(rng.integers(1, 401)), int(rng.integers(1, 401))


def _levels(rng: np.random.Generator, height: int, width: int, depth: int) -> NDArray[np.uint16]:
    """uint16[height, width] of ``depth`` bits: steps with some noise on them, from black to white somewhere."""
    y, x = np.mgrid[0:height, 0:width]
    top = (1 << depth) - 1
    period = rng.integers(2, 90, 2)
    level = (y // period[0] * 37 + x // period[1] * 53) % 251 * top // 250
    level += rng.integers(-top // 8 - 1, top // 8 + 2, level.shape) * (rng.random(level.shape) < 0.15)
    level.flat[0], level.flat[-1] = 0, max(1, top * 3 // 4)
    return np.clip(level, 0, top).astype(np.uint16)


def _png(
    rng: np.random.Generator, kind: Kind, depth: int, levels: NDArray[np.uint16], interlaced: bool, tag: int
) -> bytes:
    """A PNG file of one kind. tag: Exif orientation, 0 for a film that has no Exif block."""
    height, width = levels.shape
    opaque = np.full_like(levels, 255)
    other = levels[::-1, ::-1]
    colour, planes = {
        "grey": (0, [levels]),
        "grey-as-rgb": (2, [levels] * 3),
        "colour": (2, [levels, other, 255 - levels]),
        "palette": (3, [levels]),
        "grey-palette": (3, [levels]),
        "grey-alpha": (4, [levels, opaque]),
        "rgb-alpha": (6, [levels, other, levels, opaque]),
    }[kind]
    extra = b""
    if kind.endswith("palette"):
        # a pixel without a colour is refused, and so are more opacities than colours
        given = 1 << depth if rng.random() < 0.7 else int(rng.integers(1, (1 << depth) + 1))
        entries = rng.integers(0, 256, (given, 3), np.uint8)
        extra += chunk(b"PLTE", (entries[:, :1].repeat(3, 1) if kind == "grey-palette" else entries).tobytes())
        extra += chunk(b"tRNS", b"\xff" * int(rng.integers(1, 1 << depth))) if rng.random() < 0.5 else b""
    if tag:
        extra += chunk(b"eXIf", struct.pack(">4sIHHHIHHI", b"MM\0*", 8, 1, 0x0112, 3, 1, tag, 0, 0))
    pixels = np.stack(planes, axis=-1)
    parts = [pixels[top::down, left::right] for top, left, down, right in PASSES] if interlaced else [pixels]
    raw = zlib.compress(b"".join(_lines(rng, part, depth) for part in parts if part.size))
    # several IDAT chunks, cut anywhere: a reader must not care
    cuts = sorted({0, len(raw), *map(int, rng.integers(0, len(raw), int(rng.integers(0, 4))))})
    data = b"".join(chunk(b"IDAT", raw[a:b]) for a, b in pairwise(cuts))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def _lines(rng: np.random.Generator, pixels: NDArray[np.uint16], depth: int) -> bytes:
    """Filtered lines of uint16[h, w, samples]; the filter of each line by lot (PNG 3rd ed., 9.2)."""
    height = len(pixels)
    if depth < 8:
        bits = np.unpackbits(pixels[..., 0].astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        raw = np.packbits(bits.reshape(height, -1), axis=1)
    else:
        raw = np.frombuffer(pixels.astype(">u2" if depth == 16 else "u1").tobytes(), np.uint8).reshape(height, -1)
    step = max(1, pixels.shape[2] * depth // 8)
    now = raw.astype(np.int16)
    left = np.pad(now, ((0, 0), (step, 0)))[:, : now.shape[1]]
    above = np.pad(now, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(above, ((0, 0), (step, 0)))[:, : now.shape[1]]
    near = [np.abs(left + above - corner - other) for other in (left, above, corner)]
    paeth = np.where((near[0] <= near[1]) & (near[0] <= near[2]), left, np.where(near[1] <= near[2], above, corner))
    filtered = [(now - p).astype(np.uint8) for p in (np.zeros_like(now), left, above, (left + above) // 2, paeth)]
    kinds = rng.integers(0, 5, height)
    return b"".join(bytes([kind]) + filtered[kind][y].tobytes() for y, kind in enumerate(kinds))


def write(out: Path) -> None:
    """Write OUT anew, or leave it alone where this file and the reference's sources and versions made it already."""
    made_by = _made_by()
    index = out / "index.json"
    if index.is_file() and f'"made_by": "{made_by}"' in index.read_text():
        return
    with fresh_directory(out, anything) as folder:
        entries, at = [], 0
        with (folder / "films.bin").open("wb") as films:
            cases = [case(number) for number in range(CASES)] + [Case(*film) for film in (*encoded(), *of_kinds())]
            for one in cases + [Case(*film) for film in unread()]:
                films.write(one.data)
                entries.append(
                    {
                        "name": one.name,
                        "at": at,
                        "size": len(one.data),
                        "spec": one.spec.model_dump(mode="json"),
                        **(_answer(one) if one in cases else {"code": "IMG-SYNTAX"}),
                    }
                )
                at += len(one.data)
        write_jpegs(folder)
        (folder / "mutants.json").write_text(json.dumps({"mutants": list(mutants())}))
        (folder / "index.json").write_text(canonical_json({"made_by": made_by, "cases": entries}))


def _answer(one: Case) -> dict[str, str]:
    try:
        return {"sha256": sha256_bytes(preprocess(one.data, one.spec).tobytes())}
    except InputError as error:
        return {"code": error.code}


def _made_by() -> str:
    """Hash over everything that the fixture depends on."""
    import cxredge.images

    sources = [*sorted(Path(__file__).parent.glob("film_*.py")), *sorted(Path(cxredge.images.__path__[0]).glob("*.py"))]
    text = b"\0".join(path.read_bytes() for path in sources)
    versions = f"{np.__version__} {PIL.__version__} {zlib.ZLIB_RUNTIME_VERSION}".encode()
    return hashlib.sha256(text + versions).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder, such as build/android/fixtures/film-cases")
    write(parser.parse_args().out)
