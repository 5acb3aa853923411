from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxredge.errors import InputError
from cxredge.images import film_file
from cxredge.images.levels import MIN_SPAN
from cxredge.images.read import read_film
from cxredge.images.refuse import decoder_net
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import dicom, jpeg, lut, png, scene

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


def in_every_format(levels: np.ndarray) -> dict[str, bytes]:
    """uint8[h, w] as files whose levels are exactly these; JPEG keeps a film of 8 x 8 blocks of one level each."""
    deep = levels.astype(np.uint16) * 257
    ramp = {"WindowCenter": 127.5, "WindowWidth": 255, "VOILUTFunction": "LINEAR_EXACT"}
    inverted = {"PhotometricInterpretation": "MONOCHROME1"}
    return {
        "png": png(levels),
        "png of 16 bits": png(deep),
        "png, three channels": png(np.dstack([levels] * 3)),
        "jpeg": jpeg(levels.repeat(8, 0).repeat(8, 1)),
        "dicom": dicom(levels, bits=8),
        "dicom of 16 bits": dicom(deep, bits=16),
        "dicom, inverted": dicom(255 - levels, bits=8, **inverted),
        "dicom, window": dicom(levels, bits=12, **ramp),
        "dicom, voi lut": dicom(levels, bits=8, VOILUTSequence=lut(0, 8, np.arange(256))),
        "dicom, modality lut": dicom(levels, bits=8, ModalityLUTSequence=lut(0, 8, np.arange(256))),
        "dicom, three channels": dicom(np.dstack([levels] * 3), bits=8),
    }


@pytest.mark.parametrize("form", in_every_format(np.zeros((1, 1), np.uint8)))
def test_a_film_without_content_is_refused_in_every_format(form: str) -> None:
    for level in (0, 7, 255):
        with pytest.raises(InputError, match=rf"has one grey level only \({level} of 0 to 255\)") as refusal:
            read_film(in_every_format(np.full((4, 5), level, np.uint8))[form], SPEC)
        assert refusal.value.code == "IMG-FLAT"
    assert MIN_SPAN == 17
    for low in (0, 64, 238):
        # one pixel stands out
        film = np.full((4, 5), low, np.uint8)
        film[3, 4] = low + 16
        with pytest.raises(
            InputError, match=f"grey levels {low} to {low + 16} .* 16 apart; 17 is the least"
        ) as refusal:
            read_film(in_every_format(film)[form], SPEC)
        assert refusal.value.code == "IMG-FLAT"
        film[3, 4] = low + 17
        grey = read_film(in_every_format(film)[form], SPEC)
        assert (int(grey.min()), int(grey.max())) == (low, low + 17)


def test_colour_without_content_is_refused_and_its_channels_count_together() -> None:
    colour = SPEC.model_copy(update={"channels": 3})
    planes = np.dstack([np.full((9, 9), level, np.uint8) for level in (90, 100, 106)])
    for make in (png, lambda rgb: dicom(rgb, bits=8)):
        with pytest.raises(InputError, match="levels 90 to 106") as refusal:
            read_film(make(planes), colour)
        assert refusal.value.code == "IMG-FLAT"
        wider = planes + np.array([0, 0, 1], np.uint8)
        np.testing.assert_array_equal(read_film(make(wider), colour), wider)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_a_film_whose_header_says_16_bits_is_refused_below_them_and_stretched_where_the_recipe_says_so(
    bits: int,
) -> None:
    film = scene(20, 24, 0, (1 << bits) - 1)
    for data in (dicom(film, bits=16), png(film.astype(np.uint16))):
        assert code(data) == "IMG-FLAT"
        grey = read_film(data, SPEC.model_copy(update={"no_window": "min-max"}))
        assert (grey.min(), grey.max()) == (0, 255)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("centre", "width"), [(-900, 400), (9000, 400), (2000, 60000), (-3000, 1), (40, 1e-3)])
def test_a_window_that_misses_the_film_is_refused(centre: float, width: float, photometric: str, function: str) -> None:
    film = scene(20, 24, 700, 2900)
    if function == "LINEAR":
        width = max(width, 1)
    tags = {"PhotometricInterpretation": photometric, "VOILUTFunction": function}
    for no_window in ("stored-range", "min-max"):
        with pytest.raises(InputError) as refusal:
            read_film(
                dicom(film, WindowCenter=centre, WindowWidth=width, **tags),
                SPEC.model_copy(update={"no_window": no_window}),
            )
        assert refusal.value.code == "IMG-FLAT"
        assert "window" in refusal.value.fix
    read_film(dicom(film, WindowCenter=1800, WindowWidth=400, **tags), SPEC)


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
