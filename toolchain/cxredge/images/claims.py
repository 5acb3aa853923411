"""Whether a file of a folder claims to be a film: tables and notes that lie among films do not, damaged films do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from cxredge.images import png
from cxredge.images.raster import JPEG_SIGNATURE

PICTURES = frozenset(
    {".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".jp2", ".j2k", ".gif", ".bmp", ".tif", ".tiff", ".webp"}
)
"""Names of pictures, of kinds that are read and of others: what is called so was meant to be one."""
HEAD = 4096


def claims_film(path: Path) -> bool:
    """By its name or its first bytes.

    A file without a suffix, or with one of digits, as archives call DICOM files, does so unless it is text; one that
    cannot be read does, too, so that this is told.
    """
    if path.suffix.lower() in PICTURES:
        return True
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except (OSError, ValueError):
        return True
    if kind_of(head) is not None:
        return True
    return re.fullmatch(r"(\.\d+)?", path.suffix) is not None and not _is_text(head)


def kind_of(head: bytes) -> Literal["DICOM", "PNG", "JPEG"] | None:
    """By a file's first bytes, what it would be read as; None: nothing that is read."""
    if head[128:132] == b"DICM":
        return "DICOM"
    if head.startswith(png.SIGNATURE):
        return "PNG"
    return "JPEG" if head.startswith(JPEG_SIGNATURE) else None


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # a character may be cut at the end
        return error.end == len(head) and len(head) == HEAD
    return True
