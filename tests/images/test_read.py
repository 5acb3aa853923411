from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxredge.errors import InputError
from cxredge.images import film_file
from cxredge.images.read import read_film
from cxredge.images.refuse import decoder_net
from cxredge.recipe import InputSpec
from cxredge.vectors.sources import dicom, jpeg, png, scene

SPEC = InputSpec(height=16, width=16, fit="pad")
FILM = scene(20, 24, 0, 255).astype(np.uint8)


def code(source: Path | bytes) -> str:
    with pytest.raises(InputError) as refusal:
        read_film(source, SPEC)
    return refusal.value.code


@pytest.mark.parametrize("make", [png, jpeg, lambda film: dicom(film, bits=8)])
def test_kind_is_of_the_content_and_never_of_the_name(make: object, tmp_path: Path) -> None:
    data = make(FILM)  # type: ignore[operator]
    for name in ("film.png", "film.jpg", "film.dcm", "film.txt", "film"):
        path = tmp_path / name
        path.write_bytes(data)
        np.testing.assert_array_equal(read_film(path, SPEC), read_film(data, SPEC))
    assert np.abs(read_film(data, SPEC).astype(int) - FILM).mean() < 4


def test_what_is_no_image_is_refused_by_name() -> None:
    for kind, word in (("GIF", "GIF"), ("BMP", "BMP"), ("TIFF", "TIFF")):
        out = BytesIO()
        Image.fromarray(FILM).save(out, kind)
        with pytest.raises(InputError, match=word) as refusal:
            read_film(out.getvalue(), SPEC)
        assert refusal.value.code == "IMG-FORMAT"
        assert refusal.value.choices == ("DICOM", "PNG", "JPEG")
    assert code(b"label,path\n") == "IMG-FORMAT"
    assert code(b"\0" * 4000) == "IMG-FORMAT"
    assert code(b"") == "IMG-TRUNCATED"


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    assert code(tmp_path / "none.png") == "IMG-MISSING"
    assert code(tmp_path) == "IMG-MISSING"
    assert code(tmp_path / ("x" * 300)) == "IMG-MISSING"
    os.mkfifo(tmp_path / "pipe")
    assert code(tmp_path / "pipe") == "IMG-MISSING"


def test_a_file_above_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(png(FILM))
    monkeypatch.setattr(film_file, "MAX_FILE_BYTES", path.stat().st_size - 1)
    assert code(path) == "IMG-SIZE"


def test_net_lets_interrupts_and_memory_errors_through() -> None:
    for passing in (KeyboardInterrupt, SystemExit, MemoryError):
        with pytest.raises(passing), decoder_net("x", "file"):
            raise passing
    with pytest.raises(InputError) as refusal, decoder_net("x", "file"):
        raise RecursionError("too deep")
    assert refusal.value.code == "IMG-DAMAGED"
