"""No JPEG that ends early is read as whole, and none that is whole is refused: every way of coding, at every byte."""

from __future__ import annotations

import itertools
import re
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import get_frame
from pydicom.filereader import dcmread

from cxredge.errors import InputError
from cxredge.images.jpeg_coverage import check_coverage
from cxredge.images.jpeg_structure import parse
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import scene
from support.jpeg_lossless import jpeg_lossless, segment

END = b"\xff\xd9"
SPEC = InputSpec(height=16, width=16, fit="pad")
SIZES = [(1, 1), (7, 9), (8, 8), (16, 17), (33, 50), (70, 41), (130, 97)]
WAYS: dict[str, dict[str, object]] = {
    "baseline": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "restart every block": {"restart_marker_blocks": 1},
    "restart every row": {"restart_marker_rows": 1},
    "progressive restarts": {"progressive": True, "restart_marker_blocks": 3},
}
PICTURES = ["grey", "noise", "flat", "4:4:4", "4:2:2", "4:2:0", "CMYK"]


def picture(kind: str, height: int, width: int, **options: object) -> bytes:
    planes = [scene(height, width, 0, 255, seed).astype(np.uint8) for seed in (1, 2, 3)]
    noise = np.random.Generator(np.random.PCG64(height)).integers(0, 256, (height, width), np.uint8)
    image = {
        "grey": lambda: Image.fromarray(planes[0]),
        "noise": lambda: Image.fromarray(noise),
        "flat": lambda: Image.fromarray(np.full((height, width), 77, np.uint8)),
        "CMYK": lambda: Image.merge("CMYK", [Image.fromarray(plane) for plane in (*planes, noise)]),
    }.get(kind, lambda: Image.fromarray(np.dstack([*planes[:2], noise])))()
    if ":" in kind:
        options["subsampling"] = kind
    out = BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def code(stream: bytes) -> str | None:
    try:
        check_coverage("film", stream)
    except InputError as error:
        return error.code
    return None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", PICTURES)
def test_whole_pictures_pass_and_one_byte_less_does_not(kind: str, way: str) -> None:
    for (height, width), quality in zip(SIZES, itertools.cycle((20, 75, 98)), strict=False):
        stream = picture(kind, height, width, quality=quality, **WAYS[way])
        assert stream.endswith(END)
        assert code(stream) is None
        assert code(stream[:-3] + END) == "IMG-TRUNCATED"
        assert code(stream[: len(stream) // 2] + END) in ("IMG-TRUNCATED", "IMG-DAMAGED"), "a cut may lie in a table"
        assert code(stream[:-2] + b"\xff\xff\xff" + END) is None, "fill bytes"
        assert code(stream + b"maker's block \xff\xd8\xff\xda" + stream) is None, "what stands behind the end"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["grey", "4:2:0"])
def test_every_cut_is_refused(kind: str, way: str) -> None:
    stream = picture(kind, 33, 50, **WAYS[way])
    first = parse(stream)[1][0].segments[0][0]
    for end in range(2, len(stream) - 2):
        codes = ("IMG-TRUNCATED",) if end > first and "progressive" not in way else ("IMG-TRUNCATED", "IMG-DAMAGED")
        assert code(stream[:end] + END) in codes, end
        assert code(stream[:end]) in codes, end


@pytest.mark.parametrize("way", ["restart every block", "restart every row", "progressive restarts"])
def test_a_cut_before_a_restart_marker_is_refused(way: str) -> None:
    stream = picture("grey", 70, 41, **WAYS[way])
    for scan in parse(stream)[1]:
        for start, end, _ in scan.segments:
            if end > start:
                assert code(stream[: end - 1] + stream[end:]) == "IMG-TRUNCATED"
            assert code(stream[:start] + stream[end:]) == "IMG-TRUNCATED", "an interval without data"
        (_, end, marker), *_ = scan.segments
        following = stream.index(b"\xff", end + 2)
        assert code(stream[:end] + stream[following:]) in ("IMG-DAMAGED", "IMG-TRUNCATED"), "an interval left out"
        turned = bytes([0xFF, 0xD0 | marker + 1 & 7])
        assert code(stream[:end] + turned + stream[end + 2 :]) == "IMG-DAMAGED", "out of turn"
        assert code(stream[:end] + END + stream[end:]) == "IMG-TRUNCATED"


def test_a_restart_marker_too_many_is_passed_over() -> None:
    stream = picture("grey", 33, 50, restart_marker_rows=1)
    assert code(stream[:-2] + b"\xff\xd4" + END) is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("height", "width"), [(64, 97), (130, 48), (64, 48)])
def test_a_header_that_claims_less_than_is_coded_is_refused(way: str, height: int, width: int) -> None:
    """The picture would be cut, or its rows would be scrambled."""
    stream = picture("noise", 130, 97, quality=90, **WAYS[way])
    at = re.search(rb"\xff[\xc0-\xc2]", stream)
    assert at is not None
    smaller = stream[: at.end() + 3] + struct.pack(">HH", height, width) + stream[at.end() + 7 :]
    assert code(smaller) in ("IMG-DAMAGED", "IMG-TRUNCATED")


@pytest.mark.parametrize("kind", ["grey", "4:2:0"])
def test_every_scan_of_a_progressive_picture_must_be_there(kind: str) -> None:
    stream = picture(kind, 70, 41, progressive=True)
    ends = [scan.segments[-1][1] for scan in parse(stream)[1]]
    assert len(ends) == (6 if kind == "grey" else 10)
    starts = [stream.index(b"\xff\xc4"), *ends[:-1]]
    for start, end in zip(starts, ends, strict=True):
        # a scan that refines is out of turn where the one before it is missing
        assert code(stream[:start] + stream[end:]) in ("IMG-TRUNCATED", "IMG-DAMAGED"), "left out"
        assert code(stream[:end] + END) == ("IMG-TRUNCATED" if end < ends[-1] else None), "the last one"
        assert code(stream[:end] + stream[start:]) == "IMG-DAMAGED", "sent twice"


@pytest.mark.parametrize("way", ["baseline", "progressive", "restart every row"])
@pytest.mark.parametrize(("kind", "side"), [("grey", 8), ("4:4:4", 8), ("4:2:0", 16)])
def test_a_header_that_claims_more_is_refused(kind: str, side: int, way: str) -> None:
    stream = picture(kind, 70, 41, **WAYS[way])
    frame = re.search(rb"\xff[\xc0\xc2]\x00[\x0b\x11]\x08", stream)
    assert frame
    at = frame.end()

    def claiming(height: int, width: int) -> str | None:
        return code(stream[:at] + struct.pack(">HH", height, width) + stream[at + 4 :])

    assert claiming(70, 41) is None
    for height, width in ((70 + side, 41), (70, 41 + side), (8192, 8192), (65535, 41)):
        # where the width changes, the rows of a restart interval do too
        assert claiming(height, width) in ("IMG-TRUNCATED", "IMG-DAMAGED")
    # not seen: a line more within the last row of MCUs, whose blocks are all there
    assert claiming(71, 41) is None


def flat(height: int, width: int, factors: list[tuple[int, int]], scans: list[list[int]], bits: int) -> bytes:
    """A sequential picture whose every block is two bits: no difference and end of block, each the code 0."""
    parts = b"".join(bytes([i + 1, h << 4 | v, 0]) for i, (h, v) in enumerate(factors))
    table = bytes([1] + [0] * 15) + b"\0"
    out = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64)
    out += segment(0xC0, struct.pack(">BHHB", 8, height, width, len(factors)) + parts)
    out += segment(0xC4, b"\0" + table + b"\x10" + table)
    for scan in scans:
        out += segment(0xDA, bytes([len(scan)]) + b"".join(bytes([i + 1, 0]) for i in scan) + b"\0\x3f\0")
        out += bytes(-(-bits // 8))
    return out + END


@pytest.mark.parametrize("factors", [[(1, 1)], [(2, 2), (1, 1), (1, 1)], [(2, 1), (1, 2), (1, 1)], [(4, 1), (1, 2)]])
def test_blocks_are_counted_as_the_standard_lays_them(factors: list[tuple[int, int]]) -> None:
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    for height, width in ((1, 1), (8, 8), (9, 17), (33, 50), (65, 7)):
        units = len(range(0, width, 8 * across)) * len(range(0, height, 8 * down))
        blocks = units * sum(h * v for h, v in factors)
        if len(factors) == 1:
            blocks = len(range(0, width, 8)) * len(range(0, height, 8))
        every = list(range(len(factors)))
        assert code(flat(height, width, factors, [every], 2 * blocks)) is None
        assert code(flat(height, width, factors, [every], 2 * blocks - 8)) == "IMG-TRUNCATED"
        # a scan of its own for each: what is counted then is the component's samples (A.2.2)
        most = max(
            len(range(0, -(-width * h // across), 8)) * len(range(0, -(-height * v // down), 8)) for h, v in factors
        )
        alone = [[i] for i in every]
        assert code(flat(height, width, factors, alone, 2 * most)) is None
        assert code(flat(height, width, factors, alone, 2 * most - 8)) == "IMG-TRUNCATED"
        assert code(flat(height, width, factors, alone[1:], 2 * most)) == "IMG-TRUNCATED", "a component is missing"
        assert code(flat(height, width, factors, [every, every], 2 * blocks)) == "IMG-DAMAGED", "sent twice"


def test_what_the_flat_writer_writes_is_read_by_pillow() -> None:
    image = Image.open(BytesIO(flat(33, 50, [(2, 2), (1, 1), (1, 1)], [[0], [1], [2]], 2 * 35)))
    assert np.asarray(image).shape == (33, 50, 3)
    assert np.ptp(np.asarray(image)) == 0


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("two frames", b"\xff\xc4", b"\xff\xc0\x00\x0b\x08\x00\x21\x00\x32\x01\x01\x11\x00\xff\xc4", "IMG-DAMAGED"),
        ("DNL", END, b"\xff\xdc\x00\x04\x00\x21" + END, "IMG-DAMAGED"),
        ("arithmetic coding", b"\xff\xc0\x00", b"\xff\xc9\x00", "IMG-SYNTAX"),
        ("hierarchical", b"\xff\xc0\x00", b"\xff\xc5\x00", "IMG-SYNTAX"),
        ("no table", b"\xff\xc4\x00\x1f\x00", b"\xff\xfe\x00\x1f\x00", "IMG-DAMAGED"),
        ("an unknown component", b"\xff\xda\x00\x08\x01\x01", b"\xff\xda\x00\x08\x01\x02", "IMG-DAMAGED"),
        ("sampling factors of none", b"\x01\x01\x11\x00\xff", b"\x01\x01\x01\x00\xff", "IMG-DAMAGED"),
        ("bytes between", b"\xff\xda\x00\x08", b"\0\0\xff\xda\x00\x08", "IMG-DAMAGED"),
    ],
)
def test_structures_that_are_none(name: str, old: bytes, new: bytes, expected: str) -> None:
    stream = picture("grey", 33, 50)
    assert stream.count(old) >= 1
    assert code(stream.replace(old, new, 1)) == expected


def test_a_code_that_is_in_no_table_is_damage() -> None:
    for kind, way in itertools.product(("grey", "noise"), ("baseline", "optimized")):
        stream = picture(kind, 33, 50, **WAYS[way])
        start, end, _ = parse(stream)[1][0].segments[0]
        ones = b"\xff\0" * 8
        assert code(stream[: start + 40] + ones + stream[start + 40 : end] + END) == "IMG-DAMAGED"


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        # 63 coefficients: runs of 15 and one, 3 times 16 and 15; the last symbol ends the block without saying so
        ([0xF1, 0xF1, 0xF1, 0xE1], None),
        ([0xF0, 0xF0, 0xF0, 0xE1], None),
        ([0xF1, 0xF1, 0xF1, 0x00], None),
        ([0xF1, 0xF1, 0xF1, 0xF1], "IMG-DAMAGED"),
        ([0xF0, 0xF0, 0xF0, 0xF0], "IMG-DAMAGED"),
    ],
)
def test_a_coefficient_beyond_its_block_is_damage(symbols: list[int], expected: str | None) -> None:
    codes = {symbol: f"{i:03b}" for i, symbol in enumerate(sorted(set(symbols)))}
    bits = "0" + "".join(codes[symbol] + "1" * (symbol & 15) for symbol in symbols)
    bits += "1" * (-len(bits) % 8)
    whole = flat(8, 8, [(1, 1)], [[0]], 0)
    old = b"\x10" + bytes([1] + [0] * 15) + b"\0"
    new = b"\x10" + bytes([0, 0, len(codes)] + [0] * 13) + bytes(sorted(codes))
    start = whole.index(b"\xff\xc4")
    tables = segment(0xC4, whole[start + 4 : whole.index(old)] + new)
    stream = whole[:start] + tables + whole[whole.index(b"\xff\xda") : -2]
    data = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    assert code(stream + data + END) == expected
    assert code(stream + data[:-1] + END) in ("IMG-TRUNCATED", expected or "IMG-TRUNCATED")


def test_large_pictures_are_walked_in_pieces() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    film = rng.integers(0, 256, (900, 1100), np.uint8)
    for options in ({}, {"progressive": True}, {"optimize": True}):
        out = BytesIO()
        Image.fromarray(film).save(out, "JPEG", quality=90, **options)
        stream = out.getvalue()
        assert len(stream) > 5 << 16
        assert code(stream) is None
        assert code(stream[:-3] + END) == "IMG-TRUNCATED"


@pytest.mark.parametrize("rows", [0, 1, 3, 20])
@pytest.mark.parametrize("kind", ["noise", "flat", "black", "extremes"])
def test_lossless_pictures(kind: str, rows: int) -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    film = {
        "noise": rng.integers(0, 65536, (20, 13)),
        "flat": np.full((20, 13), 1000),
        "black": np.zeros((20, 13), int),
        "extremes": rng.integers(0, 2, (20, 13)) * 65535,
    }[kind].astype(np.uint16)
    from libjpeg import decode

    stream = jpeg_lossless(film, rows)
    np.testing.assert_array_equal(decode(stream), film)
    assert code(stream) is None
    scan = parse(stream)[1][0]
    for end in range(scan.segments[0][0], len(stream) - 2):
        assert code(stream[:end] + END) == "IMG-TRUNCATED", end
    for start, end, _ in scan.segments:
        assert code(stream[: end - 1] + stream[end:]) in ("IMG-TRUNCATED", "IMG-DAMAGED")
        assert code(stream[:start] + stream[end:]) in ("IMG-TRUNCATED", "IMG-DAMAGED")


@pytest.mark.parametrize("name", ["MR_small_jpeg_ls_lossless", "JPEGLSNearLossless_08", "SC_rgb_jls_lossy_sample"])
def test_jpeg_ls(name: str) -> None:
    path = get_testdata_file(f"{name}.dcm", download=False)
    assert isinstance(path, str)
    stream = get_frame(dcmread(path).PixelData, 0, number_of_frames=1)
    end = stream.rfind(END)
    assert code(stream) is None
    for cut in range(parse(stream)[1][0].segments[0][0], end, max(1, end // 200)):
        assert code(stream[:cut] + END) == "IMG-TRUNCATED", cut
    for cut in range(1, 30):
        assert code(stream[: end - cut] + END) == "IMG-TRUNCATED", cut


def test_half_a_file_is_refused_by_the_reader() -> None:
    stream = picture("grey", 120, 90)
    read_film(stream, SPEC)
    at = stream.index(b"\xff\xc0") + 5
    for seen in (stream[: len(stream) // 2] + END, stream[:at] + b"\x20\0\x20\0" + stream[at + 4 :]):
        with pytest.raises(InputError) as refusal:
            read_film(seen, SPEC)
        assert refusal.value.code == "IMG-TRUNCATED"


def check_real(cxr_data: Path, step: int) -> None:
    paths = sorted(cxr_data.glob("*/**/*.jp*g"))[::step]
    assert len(paths) > 100
    for path in paths:
        stream = path.read_bytes()
        assert code(stream) is None, path
        end = stream.rfind(END)
        assert code(stream[: end - 1] + END) == "IMG-TRUNCATED", path
        assert code(stream[: end // 2] + END) in ("IMG-TRUNCATED", "IMG-DAMAGED"), path


def test_real_films(cxr_data: Path) -> None:
    check_real(cxr_data, 40)


@pytest.mark.slow
def test_all_real_films(cxr_data: Path) -> None:
    check_real(cxr_data, 1)
