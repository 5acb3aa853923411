"""Phantom films as files: PNG pictures and masks, whole or absent, in the layout that folder sets have."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.files import sha256_file, write_bytes
from cxredge.phantoms.render import PHANTOM_LABELS, PhantomFilm, render
from cxredge.progress import track


def picture_path(film: PhantomFilm) -> str:
    """Where a film lies in its set's folder."""
    return f"images/{film.name}.png"


def mask_path(picture: str, label: str) -> str:
    """Where the mask of a label lies, given the picture's place: ``masks/phantom-train-0007-0.Nodule.png``."""
    return f"masks/{Path(picture).stem}.{label}.png"


def columns(film: PhantomFilm) -> dict[str, str]:
    """The descriptive cells of a film's row in ``labels.csv``."""
    return {
        "finding": "|".join(f.label for f in film.findings) or "No Finding",
        "view": "PA",
        "sex": film.anatomy.sex,
        "age": str(film.anatomy.age),
        "source": "cxredge phantom (synthetic, no person)",
        "licence_class": "open",
    }


def write_films(folder: Path, films: Iterable[PhantomFilm], what: str) -> None:
    """Renders the films that ``folder`` lacks. A picture is written after its masks, so that it vouches for them.

    Raises EnvironmentProblem DISK-FULL or DISK-DENIED; every file is then whole or absent.
    """
    lacking = [film for film in films if not (folder / picture_path(film)).exists()]
    for film in track(lacking, what, len(lacking)):
        grey, masks = render(film)
        for label, mask in masks.items():
            write_bytes(folder / mask_path(picture_path(film), label), _png(mask))
        write_bytes(folder / picture_path(film), _png(grey))


def read_masks(folder: Path, picture: str, labels: Iterable[str]) -> dict[str, NDArray[np.bool_]]:
    """The masks of the positive ``labels`` of one film, bool[h, w] each."""
    from PIL import Image

    masks = {}
    for label in labels:
        with Image.open(folder / mask_path(picture, label)) as image:
            masks[label] = np.asarray(image.convert("L")) >= 128
    return masks


def write_folder(folder: Path, films: tuple[PhantomFilm, ...]) -> None:
    """A complete folder set: pictures, masks, ``labels.csv``, ``SHA256SUMS`` and ``SOURCES.md``."""
    import csv

    write_films(folder, films, "phantoms")
    table = io.StringIO()
    rows = [
        {
            "file": picture_path(film),
            "group": film.patient,
            **{label: str(int(label in film.labels)) for label in PHANTOM_LABELS},
            "split": film.split,
            **columns(film),
        }
        for film in films
    ]
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(folder / "labels.csv", table.getvalue().encode())
    sums = "".join(f"{sha256_file(folder / picture_path(film))}  {picture_path(film)}\n" for film in films)
    write_bytes(folder / "SHA256SUMS", sums.encode())
    write_bytes(
        folder / "SOURCES.md",
        b"# Sources\n\nEvery image here is a phantom: a synthetic chest radiograph drawn by `cxredge phantom`. "
        b"No person was imaged,\nand scores on these images say nothing about people. `masks/` holds the exact outline "
        b"of every finding.\n",
    )


def _png(image: NDArray[Any]) -> bytes:
    """PNG bytes without a timestamp: 8-bit grey of uint8[h, w], or one bit a pixel of bool[h, w]."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
