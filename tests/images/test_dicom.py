from __future__ import annotations

import csv
import hashlib
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from cxredge.errors import InputError
from cxredge.images import dicom as module
from cxredge.images import dicom_cut
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import dicom, jpeg, lut, scene

SPEC = InputSpec(height=16, width=16, fit="pad")
STRETCH = SPEC.model_copy(update={"no_window": "min-max"})
COLOUR = SPEC.model_copy(update={"channels": 3})
DEEP = scene(20, 26, 0, 4095)
RGB = np.stack([scene(12, 14, 0, 255, s) for s in (1, 2, 3)], -1).astype(np.uint8)
CURVE = np.arange(4096) ** 2 // 4112


@pytest.fixture
def samples(cxr_data: Path) -> Path:
    return cxr_data / "dicom_samples"


def rows(samples: Path) -> list[dict[str, str]]:
    with (samples / "labels.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def refused(data: bytes, spec: InputSpec = SPEC) -> str:
    with pytest.raises(InputError) as refusal:
        read_film(data, spec)
    assert refusal.value.cause
    assert refusal.value.fix
    return refusal.value.code


def retagged(data: bytes, **tags: Any) -> bytes:
    film = pydicom.dcmread(BytesIO(data))
    for keyword, value in tags.items():
        setattr(film, keyword, value)
    return written(film)


def written(film: pydicom.Dataset) -> bytes:
    out = BytesIO()
    film.save_as(out)
    return out.getvalue()


def in_syntax(data: bytes, uid: str) -> bytes:
    film = pydicom.dcmread(BytesIO(data))
    film.file_meta.TransferSyntaxUID = pydicom.uid.UID(uid)
    return written(film)


def by_pydicom(data: bytes) -> np.ndarray:
    """float64 fractions 0..1 of the output range, by pydicom's own transforms."""
    film = pydicom.dcmread(BytesIO(data))
    values = apply_voi_lut(apply_modality_lut(film.pixel_array, film), film)
    if film.get("VOILUTSequence"):
        low, high = 0.0, float(2 ** film.VOILUTSequence[0].LUTDescriptor[2] - 1)
    else:
        if film.get("ModalityLUTSequence"):
            ends = np.array([0.0, 2 ** film.ModalityLUTSequence[0].LUTDescriptor[2] - 1])
        else:
            first = -(2 ** (film.BitsStored - 1)) if film.PixelRepresentation else 0
            ends = np.array([first, first + 2**film.BitsStored - 1], dtype=np.float64)
            ends = ends * float(film.get("RescaleSlope", 1)) + float(film.get("RescaleIntercept", 0))
        low, high = float(ends.min()), float(ends.max())
    fraction = (values.astype(np.float64) - low) / (high - low)
    return 1.0 - fraction if film.PhotometricInterpretation == "MONOCHROME1" else fraction


WINDOW = {"WindowCenter": 1800, "WindowWidth": 2100}
RESCALE = {"RescaleSlope": "0.5", "RescaleIntercept": "-1024"}
# pydicom takes modality LUTs of 8 and 16 bits only; the vectors have one of 12
CASES: dict[str, bytes] = {
    "linear": dicom(DEEP, **WINDOW),
    "linear, width 1": dicom(DEEP, WindowCenter=2000, WindowWidth=1),
    "exact": dicom(DEEP, **WINDOW, VOILUTFunction="LINEAR_EXACT"),
    "sigmoid": dicom(DEEP, **WINDOW, VOILUTFunction="SIGMOID"),
    "two windows": dicom(DEEP, WindowCenter=[900, 3000], WindowWidth=[700, 900]),
    "rescale": dicom(DEEP, WindowCenter="-200.5", WindowWidth="900.25", **RESCALE),
    "signed": dicom(DEEP - 2048, signed=True, WindowCenter=40, WindowWidth=1500),
    "voi lut": dicom(DEEP, VOILUTSequence=lut(0, 12, CURVE)),
    "voi lut from 1000": dicom(DEEP, VOILUTSequence=lut(1000, 12, CURVE[1000:3000])),
    "voi lut and window": dicom(DEEP, VOILUTSequence=lut(0, 12, CURVE), **WINDOW),
    "modality lut, window": dicom(DEEP, ModalityLUTSequence=lut(0, 16, CURVE), **WINDOW),
    "signed modality lut": dicom(DEEP - 2048, signed=True, ModalityLUTSequence=lut(-2048, 16, 15 * CURVE, signed=True)),
    "neither": dicom(DEEP),
    "neither, 16 bit": dicom(scene(20, 26, 0, 65535), bits=16),
}


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_pydicom_within_rounding(case: str, inverted: bool) -> None:
    data = CASES[case]
    if inverted:
        data = retagged(data, PhotometricInterpretation="MONOCHROME1")
    grey = read_film(data, SPEC).astype(np.float64)
    assert np.abs(grey - 255.0 * by_pydicom(data)).max() <= 0.5 + 1e-9
    assert grey.max() > grey.min()


def test_agrees_with_pydicom_on_the_real_samples(samples: Path) -> None:
    checked = 0
    for row in rows(samples):
        data = (samples / row["file"]).read_bytes()
        film = row["photometric"].startswith("MONOCHROME") and row["pix_sha256"]
        if film and not any(word in row["file"] for word in ("baseline", "ct_small")):
            grey = read_film(data, SPEC).astype(np.float64)
            assert np.abs(grey - 255.0 * by_pydicom(data)).max() <= 0.5 + 1e-9, row["file"]
            checked += 1
    assert checked == 14


def test_decoded_pixels_are_those_of_the_labels(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    levels = module.grey_levels
    monkeypatch.setattr(
        module, "grey_levels", lambda what, stored, *rest: seen.append(stored) or levels(what, stored, *rest)
    )
    exact = 0
    for row in rows(samples):
        if not row["pix_sha256"]:
            continue
        read_film(samples / row["file"], COLOUR if row["photometric"] == "RGB" else STRETCH)
        stored = seen[-1]
        assert str(stored.shape) == row["pix_shape"], row["file"]
        if "JPEG Baseline" in row["transfer_syntax_name"]:
            # the labels were made with another JPEG decoder, which rounds differently
            assert abs(stored.mean() - float(row["pix_mean"])) < 0.05, row["file"]
            ours, theirs = stored.astype(int), pydicom.dcmread(samples / row["file"]).pixel_array
            assert np.abs(ours - theirs).max() <= 1, row["file"]
            continue
        assert hashlib.sha256(stored.tobytes()).hexdigest() == row["pix_sha256"], row["file"]
        assert (stored.min(), stored.max()) == (float(row["pix_min"]), float(row["pix_max"])), row["file"]
        exact += 1
    assert exact == 15


def test_every_sample_is_read_or_refused_by_name(samples: Path) -> None:
    codes = {}
    for row in rows(samples):
        try:
            film = read_film(samples / row["file"], SPEC)
            assert film.shape == (int(row["rows"]), int(row["columns"]))
            assert film.dtype == np.uint8
        except InputError as error:
            codes[Path(row["file"]).name] = error.code
    assert codes == {
        "sc_rgb_jpegbaseline_reject_colour.dcm": "IMG-COLOUR",
        "rtplan_no_pixeldata_implicit_le.dcm": "IMG-NO-PIXELS",
        # 12 bits of Hounsfield units in 16, and no window
        "ct_small_explicit_le_16s.dcm": "IMG-FLAT",
    }


@pytest.mark.parametrize("film", ["rg2_mono2", "rg3_mono1"])
def test_twelve_bit_jpeg_agrees_with_the_lossless_film(samples: Path, film: str) -> None:
    # the committee's samples leave the scan's spectral selection zero; see codestream.repair_sequential_scan
    lossy = read_film(samples / f"files/cr_{film}_10bit_jpeg_extended12.dcm", SPEC).astype(int)
    whole = read_film(samples / f"files/cr_{film}_10bit_j2k_lossless.dcm", SPEC).astype(int)
    # overshoot that wrapped round would be 255 levels off
    assert np.abs(lossy - whole).max() <= 30
    assert np.abs(lossy - whole).mean() < 1.5


def test_one_film_in_five_lossless_syntaxes_is_one_film(samples: Path) -> None:
    kinds = ("j2k_lossless", "jpeg_lossless_sv1", "jpegls_lossless", "rle")
    films = [read_film(samples / f"files/cr_rg3_mono1_10bit_{kind}.dcm", SPEC) for kind in kinds]
    assert len({film.tobytes() for film in films}) == 1


@pytest.mark.parametrize(("kind", "uid"), [("jpeg_lossless_sv1", "57"), ("jpegls_lossless", "81")])
def test_general_syntaxes_take_the_streams_of_the_special_ones(samples: Path, kind: str, uid: str) -> None:
    data = (samples / f"files/cr_rg3_mono1_10bit_{kind}.dcm").read_bytes()
    again = in_syntax(data, f"1.2.840.10008.1.2.4.{uid}")
    np.testing.assert_array_equal(read_film(again, SPEC), read_film(data, SPEC))


def test_inverted_is_255_minus_the_same_film_for_every_sample(samples: Path) -> None:
    for name in ("files/cr_rg3_mono1_10bit_rle.dcm", "files/cr_tiny16x16_mono1_12bit_explicit_le.dcm"):
        data = (samples / name).read_bytes()
        plain = retagged(data, PhotometricInterpretation="MONOCHROME2")
        for spec in (SPEC, STRETCH):
            np.testing.assert_array_equal(read_film(data, spec), 255 - read_film(plain, spec))
    pair = [samples / f"files/cr_{kind}_jpegbaseline8.dcm" for kind in ("mono2", "mono1_tagflipped")]
    np.testing.assert_array_equal(read_film(pair[1], SPEC), 255 - read_film(pair[0], SPEC))


def test_colour_is_read_where_the_recipe_takes_colour() -> None:
    np.testing.assert_array_equal(read_film(dicom(RGB, bits=8), COLOUR), RGB)
    planes = dicom(RGB, bits=8, PlanarConfiguration=1, PixelData=RGB.transpose(2, 0, 1).tobytes())
    np.testing.assert_array_equal(read_film(planes, COLOUR), RGB)
    assert refused(dicom(DEEP), COLOUR) == "IMG-GREY"
    assert refused(dicom(RGB, bits=8)) == "IMG-COLOUR"


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("IMG-MULTIFRAME", {"NumberOfFrames": 2}),
        ("IMG-MULTIFRAME", {"SharedFunctionalGroupsSequence": []}),
        ("IMG-NO-PIXELS", {"PixelData": None}),
        ("IMG-SIZE", {"Rows": 65535, "Columns": 65535}),
        ("IMG-SIZE", {"Rows": 0}),
        ("IMG-DAMAGED", {"Rows": None}),
        ("IMG-DAMAGED", {"BitsStored": 17}),
        ("IMG-DAMAGED", {"BitsStored": 0}),
        ("IMG-DAMAGED", {"HighBit": 15}),
        ("IMG-DAMAGED", {"PixelRepresentation": 2}),
        ("IMG-DAMAGED", {"Rows": 19}),
        ("IMG-TRUNCATED", {"Rows": 21}),
        ("IMG-DEPTH", {"BitsAllocated": 32}),
        ("IMG-DEPTH", {"BitsAllocated": 12}),
        ("IMG-COLOUR", {"PhotometricInterpretation": "PALETTE COLOR"}),
        ("IMG-COLOUR", {"PhotometricInterpretation": "YBR_FULL"}),
        ("IMG-PHOTOMETRIC", {"PhotometricInterpretation": "MONOCHROME3"}),
        ("IMG-PHOTOMETRIC", {"PhotometricInterpretation": None}),
        ("IMG-PHOTOMETRIC", {"SamplesPerPixel": 2}),
        ("IMG-PHOTOMETRIC", {"PresentationLUTShape": "INVERSE"}),
        ("IMG-RESCALE", {"RescaleSlope": 0, "RescaleIntercept": 5}),
        ("IMG-RESCALE", {"RescaleIntercept": 5}),
        ("IMG-RESCALE", {"RescaleSlope": [1, 2], "RescaleIntercept": 0}),
        ("IMG-RESCALE", {"RescaleSlope": 1, "RescaleIntercept": [0, -1024]}),
        ("IMG-RESCALE", {"ModalityLUTSequence": lut(0, 12, CURVE) + lut(0, 12, CURVE[::-1])}),
        ("IMG-RESCALE", {"ModalityLUTSequence": lut(0, 12, CURVE), "RescaleSlope": 1, "RescaleIntercept": 0}),
        ("IMG-RESCALE", {"ModalityLUTSequence": lut(0, 7, CURVE)}),
        ("IMG-NAN", {"RescaleSlope": "NaN", "RescaleIntercept": 0}),
        ("IMG-NAN", {"RescaleSlope": "1e308", "RescaleIntercept": 0}),
        ("IMG-NAN", {"WindowCenter": "Infinity", "WindowWidth": 5}),
        ("IMG-WINDOW", {"WindowCenter": 100}),
        ("IMG-WINDOW", {"WindowCenter": 100, "WindowWidth": 0.5}),
        ("IMG-WINDOW", {"WindowCenter": 100, "WindowWidth": -5, "VOILUTFunction": "SIGMOID"}),
        ("IMG-WINDOW", {"WindowCenter": 100, "WindowWidth": 50, "VOILUTFunction": "CUBIC"}),
        ("IMG-WINDOW", {"VOILUTSequence": lut(0, 8, CURVE)}),
    ],
)
def test_what_cannot_be_one_film_is_refused_by_code(code: str, tags: dict[str, Any]) -> None:
    # pydicom's writer refuses some of these values itself, so they are put in by hand
    before = pydicom.config.settings.writing_validation_mode, pydicom.config.settings.reading_validation_mode
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        data = dicom(DEEP, **tags)
    finally:
        pydicom.config.settings.writing_validation_mode, pydicom.config.settings.reading_validation_mode = before
    assert refused(data) == code


def test_one_value_is_refused_whatever_the_rule_for_no_window() -> None:
    data = dicom(np.full((20, 20), 700))
    assert refused(data, STRETCH) == refused(data) == "IMG-FLAT"


def test_float_pixels_are_refused() -> None:
    film = pydicom.dcmread(BytesIO(dicom(DEEP, PixelData=None)))
    film.BitsAllocated = 32
    film.FloatPixelData = np.full(DEEP.shape, np.nan, "<f4").tobytes()
    assert refused(written(film)) == "IMG-DEPTH"


def test_unknown_syntax_is_refused_with_the_choices() -> None:
    for uid in ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.100", "1.2.3"):
        data = dicom(DEEP).replace(b"1.2.840.10008.1.2.1\0", uid.encode().ljust(20, b"\0")[:20])
        if len(uid) > 20:
            film = pydicom.dcmread(BytesIO(dicom(DEEP)))
            film.file_meta.TransferSyntaxUID = pydicom.uid.UID(uid)
            film.PixelData = encapsulate([b"\0\0"])
            film["PixelData"].is_undefined_length = True
            data = written(film)
        assert refused(data) == "IMG-SYNTAX"


def test_size_of_the_stream_must_be_that_of_the_header() -> None:
    grey = scene(20, 26, 0, 255).astype(np.uint8)

    def baseline(stream: bytes, offsets: int = 1) -> bytes:
        film = pydicom.dcmread(BytesIO(dicom(grey, bits=8)))
        film.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
        film.PixelData = encapsulate([stream] * offsets)
        film["PixelData"].is_undefined_length = True
        return written(film)

    stream = jpeg(grey)
    np.testing.assert_array_equal(read_film(baseline(stream), SPEC), read_film(stream, SPEC))
    at = stream.index(b"\xff\xc0") + 5
    assert refused(baseline(stream[:at] + b"\xff\xff\xff\xff" + stream[at + 4 :])) == "IMG-DAMAGED"
    assert refused(baseline(jpeg(np.dstack([grey] * 3)))) == "IMG-DAMAGED"
    assert refused(baseline(stream[:-6])) == "IMG-TRUNCATED"
    assert refused(baseline(b"\0" * 200)) == "IMG-DAMAGED"
    assert refused(baseline(stream, offsets=2)) == "IMG-MULTIFRAME"
    scan = stream[stream.index(b"\xff\xda") : -2]
    assert refused(baseline(stream[:-2] + scan * 150 + stream[-2:])) == "IMG-SIZE"


def test_a_deflated_bomb_is_refused_before_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    head, body = dicom(DEEP), b""
    at = head.index(b"\x08\x00\x16\x00")
    head, body = head[:at], head[at:]
    old, new = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"
    length = struct.unpack("<I", head[140:144])[0] + len(new) - len(old)
    head = head[:140] + struct.pack("<I", length) + head[144:]
    head = head.replace(b"\x14\x00" + old, b"\x16\x00" + new)

    def deflated(raw: bytes) -> bytes:
        packer = zlib.compressobj(wbits=-15)
        return head + packer.compress(raw) + packer.flush()

    np.testing.assert_array_equal(read_film(deflated(body), SPEC), read_film(dicom(DEEP), SPEC))
    assert refused(deflated(body)[:-40]) == "IMG-TRUNCATED"
    monkeypatch.setattr(dicom_cut, "MAX_FILE_BYTES", 1 << 20)
    assert refused(deflated(body + b"\0" * (2 << 20))) == "IMG-SIZE"


def test_every_cut_of_a_file_is_refused() -> None:
    data = dicom(DEEP[:6, :7], **WINDOW)
    for length in range(132, len(data), 3):
        assert refused(data[:length]) in ("IMG-TRUNCATED", "IMG-NO-PIXELS", "IMG-DAMAGED", "IMG-SYNTAX"), length


def test_cut_in_the_pixels_is_called_truncated(samples: Path) -> None:
    assert refused(dicom(DEEP)[:-30]) == "IMG-TRUNCATED"
    for kind in ("j2k_lossless", "jpeg_lossless_sv1", "jpegls_lossless", "rle", "jpeg_extended12"):
        data = (samples / f"files/cr_rg3_mono1_10bit_{kind}.dcm").read_bytes()
        assert refused(data[: len(data) * 2 // 3]) == "IMG-TRUNCATED", kind
        film = pydicom.dcmread(BytesIO(data))
        stream = get_frame(film.PixelData, 0, number_of_frames=1)
        film.PixelData = encapsulate([stream[: len(stream) * 2 // 3]])
        code = refused(written(film))
        assert code == "IMG-TRUNCATED", kind


def test_no_warning_and_no_log_of_pydicom_reaches_the_person(
    samples: Path, recwarn: pytest.WarningsRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    assert refused((samples / "files/rtplan_no_pixeldata_implicit_le.dcm").read_bytes()) == "IMG-NO-PIXELS"
    read_film(samples / "files/ot_voi_lut_8bit.dcm", SPEC)
    assert not recwarn.list
    assert capfd.readouterr().err == ""
