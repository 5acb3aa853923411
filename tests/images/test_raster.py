from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from cxredge.errors import InputError
from cxredge.images.codestream import check_stream
from cxredge.images.raster import turn
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import chunk, jpeg, png, scene

GREY = InputSpec(height=16, width=16, fit="pad")
COLOUR = GREY.model_copy(update={"channels": 3})
STRETCH = GREY.model_copy(update={"no_window": "min-max"})
FILM = scene(23, 31, 0, 255).astype(np.uint8)
RGB = np.stack([scene(23, 31, 0, 255, s) for s in (1, 2, 3)], -1).astype(np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def refused(data: bytes, spec: InputSpec = GREY) -> str:
    with pytest.raises(InputError) as refusal:
        read_film(data, spec)
    assert refusal.value.cause
    assert refusal.value.fix
    return refusal.value.code


@pytest.mark.parametrize("data", [png(FILM), saved(Image.fromarray(FILM)), saved(Image.fromarray(FILM), optimize=True)])
def test_grey_keeps_its_bytes(data: bytes) -> None:
    film = read_film(data, GREY)
    assert film.dtype == np.uint8
    assert film.flags.c_contiguous
    np.testing.assert_array_equal(film, FILM)


def test_colour_keeps_its_bytes() -> None:
    np.testing.assert_array_equal(read_film(png(RGB), COLOUR), RGB)
    np.testing.assert_array_equal(read_film(saved(Image.fromarray(RGB)), COLOUR), RGB)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_span_the_whole_range(depth: int) -> None:
    top = (1 << depth) - 1
    levels = np.arange(24 * 8).reshape(8, 24) % (top + 1)
    packed = np.packbits(((levels[..., None] >> np.arange(depth)[::-1]) & 1).reshape(8, -1).astype(np.uint8), axis=1)
    lines = b"".join(b"\0" + row.tobytes() for row in packed)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 24, 8, depth, 0, 0, 0, 0))
    data = png(FILM)[:8] + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(read_film(data, GREY), levels * (255 // top))


def test_sixteen_bits_follow_no_window() -> None:
    deep = scene(23, 31, 900, 30000).astype(np.uint16)
    expected = np.floor(deep.astype(np.float64) / 65535 * 255 + 0.5)
    np.testing.assert_array_equal(read_film(png(deep), GREY), expected)
    np.testing.assert_array_equal(read_film(saved(Image.fromarray(deep)), GREY), expected)
    stretched = read_film(png(deep), STRETCH)
    assert (stretched.min(), stretched.max()) == (0, 255)


def test_min_max_holds_for_eight_bits_and_all_channels_together() -> None:
    film = read_film(png(FILM // 4 + 30), STRETCH)
    assert (film.min(), film.max()) == (0, 255)
    dim = RGB // 4
    dim[..., 2] = 20
    colour = read_film(png(dim), COLOUR.model_copy(update={"no_window": "min-max"}))
    assert colour[..., 2].max() == colour[..., 2].min() > 0


def test_equal_channels_are_grey() -> None:
    triple = np.repeat(FILM[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_film(png(triple), GREY), FILM)
    palette = Image.fromarray(FILM).convert("P")
    np.testing.assert_array_equal(read_film(saved(palette), GREY), FILM)
    one_off = triple.copy()
    one_off[5, 5, 1] ^= 1
    assert refused(png(one_off)) == "IMG-COLOUR"


def test_colour_and_grey_are_not_exchanged() -> None:
    assert refused(png(RGB)) == "IMG-COLOUR"
    assert refused(jpeg(RGB)) == "IMG-COLOUR"
    assert refused(saved(Image.fromarray(RGB).convert("P"))) == "IMG-COLOUR"
    assert refused(png(FILM), COLOUR) == "IMG-GREY"
    assert refused(jpeg(FILM), COLOUR) == "IMG-GREY"
    assert refused(saved(Image.fromarray(RGB).convert("CMYK"), "JPEG")) == "IMG-COLOUR"
    assert refused(saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"), COLOUR) == "IMG-COLOUR"


def test_alpha_is_accepted_only_where_nothing_shows_through() -> None:
    opaque = np.full(FILM.shape, 255, np.uint8)
    np.testing.assert_array_equal(read_film(png(np.dstack([FILM, FILM, FILM, opaque])), GREY), FILM)
    la = Image.merge("LA", (Image.fromarray(FILM), Image.fromarray(opaque)))
    np.testing.assert_array_equal(read_film(saved(la), GREY), FILM)
    opaque[0, 0] = 254
    assert refused(png(np.dstack([FILM, FILM, FILM, opaque]))) == "IMG-ALPHA"
    assert refused(png(FILM, chunk(b"tRNS", b"\0\x05"))) == "IMG-ALPHA"
    assert refused(saved(Image.fromarray(FILM).convert("P"), transparency=int(FILM[0, 0]))) == "IMG-ALPHA"


@pytest.mark.parametrize("tag", range(1, 9))
def test_orientation_is_pillows(tag: int) -> None:
    data = jpeg(FILM, tag)
    upright = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    np.testing.assert_array_equal(read_film(data, GREY), np.asarray(upright))
    exif = Image.Exif()
    exif[0x0112] = tag
    in_png = saved(Image.fromarray(FILM), exif=exif)
    np.testing.assert_array_equal(read_film(in_png, GREY), turn(FILM, tag))
    np.testing.assert_array_equal(turn(RGB, tag)[..., 1], turn(RGB[..., 1], tag))


def test_orientations_differ_from_each_other() -> None:
    assert len({(turn(FILM, tag).tobytes(), turn(FILM, tag).shape) for tag in range(1, 9)}) == 8


@pytest.mark.parametrize("tag", [0, 9, 65535])
def test_unknown_orientation_is_refused(tag: int) -> None:
    assert refused(jpeg(FILM, tag)) == "IMG-ORIENTATION"


def test_a_picture_says_once_which_way_is_up() -> None:
    """Of two blocks, readers take the first or the last, and a film lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    assert refused(png(FILM, chunk(b"eXIf", block) * 2)) == "IMG-ORIENTATION"
    data = saved(Image.fromarray(FILM), "JPEG", exif=exif)
    at = data.index(b"\xff\xe1")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
    assert refused(data[:end] + data[at:end] + data[end:]) == "IMG-ORIENTATION"


@pytest.mark.parametrize("exif", [b"", b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0\xff\xff\xff\xff", b"XX*\0\x08\0\0\0\0\0"])
def test_broken_exif_is_refused(exif: bytes) -> None:
    assert refused(png(FILM, chunk(b"eXIf", exif))) == "IMG-ORIENTATION"


def test_several_pictures_are_refused() -> None:
    frames = [Image.fromarray(FILM), Image.fromarray(255 - FILM)]
    assert refused(saved(frames[0], save_all=True, append_images=frames[1:])) == "IMG-MULTIFRAME"
    assert refused(saved(frames[0], "MPO", save_all=True, append_images=frames[1:])) == "IMG-MULTIFRAME"


def test_sixteen_bit_colour_is_refused() -> None:
    assert refused(png(np.repeat(FILM[..., None], 3, axis=2).astype(np.uint16) * 257)) == "IMG-DEPTH"


@pytest.mark.parametrize("size", [(65535, 65535), (2**31 - 1, 1), (8193, 8192), (0, 5), (5, 0)])
def test_absurd_sizes_are_refused_before_decoding(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *a, **k: pytest.fail("decoded"))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    assert refused(png(FILM)[:8] + header + png(FILM)[33:]) == "IMG-SIZE"


def test_absurd_jpeg_size_and_scans_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(FILM)
    monkeypatch.setattr(Image, "open", lambda *a, **k: pytest.fail("decoded"))
    at = data.index(b"\xff\xc0") + 5
    assert refused(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]) == "IMG-SIZE"
    scan = data[data.index(b"\xff\xda") : -2]
    assert refused(data[:-2] + scan * 150 + data[-2:]) == "IMG-SIZE"


@pytest.mark.parametrize(("side", "scans", "code"), [(8192, 16, "IMG-SIZE"), (8192, 15, None), (2048, 99, None)])
def test_scans_are_counted_with_what_each_of_them_passes_over(side: int, scans: int, code: str | None) -> None:
    stream = bytearray(jpeg(FILM))
    at = stream.index(b"\xff\xc0") + 5
    stream[at : at + 4] = struct.pack(">HH", side, side)
    scan = bytes(stream[stream.index(b"\xff\xda") : -2])
    hostile = bytes(stream[:-2]) + scan * scans + b"\xff\xd9"
    if code is None:
        assert check_stream("the film", hostile).height == side
    else:
        assert refused(hostile) == code


def test_a_jpeg_of_twelve_bits_is_told_as_one() -> None:
    data = bytearray(jpeg(FILM))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(InputError, match=r"12 bits a sample") as caught:
        read_film(bytes(data), GREY)
    assert caught.value.code == "IMG-DEPTH"


def test_every_cut_of_a_file_is_refused() -> None:
    for data in (png(FILM[:9, :9]), jpeg(FILM), saved(Image.fromarray(FILM), "JPEG", progressive=True)):
        for length in range(4, len(data)):
            assert refused(data[:length]) in ("IMG-TRUNCATED", "IMG-DAMAGED", "IMG-FORMAT"), length


def test_every_flipped_byte_of_a_png_is_refused() -> None:
    data = png(FILM[:7, :7])
    for at in range(len(data)):
        code = refused(data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :])
        assert code in ("IMG-TRUNCATED", "IMG-DAMAGED", "IMG-FORMAT"), at


def test_what_a_camera_appends_is_ignored() -> None:
    np.testing.assert_array_equal(read_film(jpeg(FILM) + b"maker's block", GREY), read_film(jpeg(FILM), GREY))
