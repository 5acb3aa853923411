"""A DICOM film of another modality, body part or view than the model takes is refused by its header, or named."""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.sequence import Sequence

from cxredge.errors import InputError
from cxredge.images import acquisition
from cxredge.images.acquisition import OtherKind, passing_over
from cxredge.images.geometry import film_sizes
from cxredge.images.preprocess import preprocess, preprocess_films
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import dicom, jpeg, scene

ANY = InputSpec(height=16, width=16, fit="pad")
PIXELS = scene(20, 26, 0, 4095)
CHEST = ANY.model_copy(update={"modalities": ("CR", "DX"), "body_parts": ("CHEST",), "views": ("PA", "AP")})
KEYWORDS = {"IMG-MODALITY": "Modality", "IMG-BODY-PART": "BodyPartExamined", "IMG-VIEW": "ViewPosition"}
SYNTAXES = {
    "explicit": pydicom.uid.ExplicitVRLittleEndian,
    "implicit": pydicom.uid.ImplicitVRLittleEndian,
    "deflated": pydicom.uid.DeflatedExplicitVRLittleEndian,
}


def film(syntax: str = "explicit", vr: str = "CS", **codes: Any) -> bytes:
    """A chest film that fits, but for ``codes`` by keyword: text as it stands in the file, None for no such element."""
    made = pydicom.dcmread(BytesIO(dicom(PIXELS, Modality=None)))
    made.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
    fitting = {"Modality": "CR", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}
    out = BytesIO()
    with pydicom.config.disable_value_validation():
        for keyword, value in {**fitting, **codes}.items():
            if value is not None:
                made.add_new(keyword, vr if keyword in codes else "CS", value)
        made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def refusal(data: bytes, spec: InputSpec = CHEST) -> InputError:
    with pytest.raises(InputError) as caught:
        read_film(data, spec)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "codes",
    [
        {},
        {"Modality": "DX"},
        {"Modality": "dx "},
        {"Modality": " Cr\0\0\0"},
        {"Modality": "CR\\"},
        {"Modality": "CR\\dx"},
        {"BodyPartExamined": None, "ViewPosition": None},
        {"BodyPartExamined": "", "ViewPosition": "  "},
        {"BodyPartExamined": "\\", "ViewPosition": "\0\0"},
        {"BodyPartExamined": "chest", "ViewPosition": " ap"},
    ],
)
def test_what_fits_is_read_and_has_the_same_pixels(syntax: str, codes: dict[str, Any]) -> None:
    data = film(syntax, **codes)
    np.testing.assert_array_equal(preprocess(data, CHEST), preprocess(dicom(PIXELS), ANY))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("code", "codes", "said"),
    [
        ("IMG-MODALITY", {"Modality": "MR"}, "modality MR"),
        ("IMG-MODALITY", {"Modality": "ct "}, "modality CT"),
        ("IMG-MODALITY", {"Modality": None}, "no modality"),
        ("IMG-MODALITY", {"Modality": ""}, "no modality"),
        ("IMG-MODALITY", {"Modality": " \\\0\0"}, "no modality"),
        ("IMG-MODALITY", {"Modality": "CR\\MR"}, "modality CR\\MR"),
        ("IMG-MODALITY", {"Modality": "CRX"}, "modality CRX"),
        ("IMG-MODALITY", {"Modality": "C\0R"}, "modality C\\x00R"),
        ("IMG-MODALITY", {"Modality": "DX\x1b[2J"}, "modality DX\\x1b[2J"),
        # no code, though some make a code of it: a German sharp s is SS in capitals, and the Kelvin sign is a k
        ("IMG-MODALITY", {"Modality": "\xdf"}, "modality \\xdf"),
        ("IMG-MODALITY", {"Modality": "M" * 200}, f"modality {'M' * acquisition.SHOWN}"),
        ("IMG-BODY-PART", {"BodyPartExamined": "ABDOMEN"}, "body part ABDOMEN"),
        ("IMG-BODY-PART", {"BodyPartExamined": "CHEST\\ABDOMEN"}, "body part CHEST\\ABDOMEN"),
        ("IMG-VIEW", {"ViewPosition": "LL"}, "view LL"),
        ("IMG-VIEW", {"ViewPosition": "ll\0"}, "view LL"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(syntax: str, code: str, codes: dict[str, Any], said: str) -> None:
    spec = CHEST.model_copy(update={"modalities": (*CHEST.modalities, "SS")}) if "\xdf" in codes.values() else CHEST
    found = refusal(film(syntax, **codes), spec)
    assert isinstance(found, OtherKind)
    assert (found.code, found.said) == (code, said)
    assert found.choices == getattr(spec, found.key)
    assert said in found.cause or "does not say its modality" in found.cause
    assert all(" " <= c <= "~" for c in found.cause)


@pytest.mark.parametrize("code", KEYWORDS)
def test_only_what_the_recipe_lists_is_asked(code: str) -> None:
    data = film(**{KEYWORDS[code]: "OTHER"})
    key = {"IMG-MODALITY": "modalities", "IMG-BODY-PART": "body_parts", "IMG-VIEW": "views"}[code]
    assert refusal(data).code == code
    np.testing.assert_array_equal(read_film(data, CHEST.model_copy(update={key: ()})), read_film(film(), CHEST))
    alone = ANY.model_copy(update={key: getattr(CHEST, key)})
    assert refusal(data, alone).code == code
    read_film(film(), alone)


def test_an_element_of_an_unknown_representation_is_read_by_its_bytes() -> None:
    read_film(film(vr="UN", Modality=b"cr", ViewPosition=b"AP"), CHEST)
    assert refusal(film(vr="UN", Modality=b"MR")).code == "IMG-MODALITY"
    assert refusal(film(vr="UN", ViewPosition=b"LL ")).code == "IMG-VIEW"


@pytest.mark.parametrize("vr", ["LO", "SH", "UT", "OB"])
def test_one_of_another_representation_is_damage(vr: str) -> None:
    assert refusal(film(vr=vr, Modality=b"CR" if vr == "OB" else "CR")).code == "IMG-DAMAGED"


@pytest.mark.parametrize("keyword", KEYWORDS.values())
def test_an_element_that_is_no_code_at_all_is_damage(keyword: str) -> None:
    item = pydicom.Dataset()
    item.Modality = "CR"
    assert refusal(film(vr="SQ", **{keyword: Sequence([item])})).code == "IMG-DAMAGED"
    most = "CR" + " " * (acquisition.MAX_BYTES - 2)
    fits = {"Modality": most, "BodyPartExamined": most.replace("CR", "CHEST")[:-3], "ViewPosition": most}[keyword]
    spec = CHEST.model_copy(update={"views": ("CR",)})
    read_film(film(**{"ViewPosition": None, keyword: fits}), spec)
    assert refusal(film(**{"ViewPosition": None, keyword: fits + "  "}), spec).code == "IMG-DAMAGED"


def test_neither_a_private_element_nor_a_nested_one_says_it() -> None:
    made = pydicom.dcmread(BytesIO(film()))
    made.private_block(0x0009, "SOMEBODY", create=True).add_new(0x60, "CS", "MR")
    item = pydicom.Dataset()
    item.Modality, item.BodyPartExamined, item.ViewPosition = "MR", "ABDOMEN", "LL"
    made.ReferencedSeriesSequence = Sequence([item])
    out = BytesIO()
    made.save_as(out)
    read_film(out.getvalue(), CHEST)
    del made.Modality
    out = BytesIO()
    made.save_as(out)
    assert refusal(out.getvalue()).code == "IMG-MODALITY"


def test_the_header_is_asked_before_pixels_are_decoded() -> None:
    cut = film(Modality="MR")[:-100]
    assert refusal(cut, ANY).code == "IMG-TRUNCATED"
    made = pydicom.dcmread(BytesIO(film(Modality="MR")))
    made.PixelData = made.PixelData[:-100]
    out = BytesIO()
    made.save_as(out)
    assert refusal(out.getvalue(), ANY).code == "IMG-TRUNCATED"
    assert refusal(out.getvalue()).code == "IMG-MODALITY"


def test_png_and_jpeg_are_not_asked() -> None:
    grey = PIXELS.astype(np.uint8)
    out = BytesIO()
    Image.fromarray(grey).save(out, "PNG")
    np.testing.assert_array_equal(read_film(out.getvalue(), CHEST), grey)
    assert read_film(jpeg(grey), CHEST).shape == grey.shape


def test_every_way_to_read_films_refuses_alike(tmp_path: Path) -> None:
    good, other = tmp_path / "good.dcm", tmp_path / "other.dcm"
    good.write_bytes(film())
    other.write_bytes(film(Modality="MR"))
    assert preprocess_films([good], CHEST, "films").shape == (1, 1, 16, 16)
    for read in (preprocess, film_sizes, lambda paths, spec: preprocess_films(paths, spec, "films")):
        with pytest.raises(OtherKind, match=r"other\.dcm is of modality MR"):
            read(other if read is preprocess else [good, other], CHEST)  # type: ignore[operator]


def test_going_on_loosens_what_refuses_the_film_and_names_it() -> None:
    seen: list[InputSpec] = []

    def read(data: bytes) -> tuple[Any, tuple[str, ...]]:
        seen.clear()

        def once(spec: InputSpec) -> Any:
            seen.append(spec)
            return preprocess(data, spec)

        return passing_over(CHEST, once)

    wanted = preprocess(dicom(PIXELS), ANY)
    for codes, passed in (
        ({}, ()),
        ({"Modality": "MR"}, ("modality MR",)),
        ({"Modality": None, "ViewPosition": "LL"}, ("no modality", "view LL")),
        (
            {"Modality": "MR", "BodyPartExamined": "KNEE", "ViewPosition": "LL"},
            ("modality MR", "body part KNEE", "view LL"),
        ),
    ):
        pixels, found = read(film(**codes))
        assert found == passed
        np.testing.assert_array_equal(pixels, wanted)
        assert len(seen) == len(passed) + 1
    # what fits stays asked
    read(film(Modality="MR"))
    assert seen[-1] == CHEST.model_copy(update={"modalities": ()})


def test_going_on_passes_nothing_else_over() -> None:
    colour = np.stack([scene(12, 14, 0, 255, s) for s in (1, 2, 3)], -1).astype(np.uint8)
    for data, code in (
        (dicom(colour, bits=8), "IMG-COLOUR"),
        (film(vr="SQ", ViewPosition=Sequence([])), "IMG-DAMAGED"),
    ):
        try:
            passing_over(CHEST, lambda spec, data=data: preprocess(data, spec))
            found = ""
        except InputError as error:
            found = error.code
        assert found == code


def test_a_refusal_survives_another_process() -> None:
    found = refusal(film(Modality="MR"))
    again = pickle.loads(pickle.dumps(found))
    assert isinstance(again, OtherKind)
    assert (again.text(), again.key, again.said) == (found.text(), "modalities", "modality MR")
    assert "choices: CR, DX" in again.text()


def test_real_samples_by_what_their_headers_say(cxr_data: Path) -> None:
    folder = cxr_data / "dicom_samples" / "files"
    wanted = {
        "mr_small_explicit_be.dcm": "IMG-MODALITY",
        "mr_small_rle.dcm": "IMG-MODALITY",
        "ct_small_explicit_le_16s.dcm": "IMG-MODALITY",
        "ot_deflated_8bit.dcm": "IMG-MODALITY",
        "cr_rg2_mono2_10bit_j2k_lossless.dcm": "IMG-BODY-PART",
        "cr_rg3_mono1_10bit_rle.dcm": "IMG-BODY-PART",
        "cr_tiny16x16_mono1_12bit_explicit_le.dcm": "IMG-BODY-PART",
        "cr_mono2_jpegbaseline8.dcm": "",
        "cr_rg1_mono1_15bit_j2k_lossy.dcm": "",
    }
    for name, code in wanted.items():
        data = (folder / name).read_bytes()
        if code:
            assert refusal(data).code == code, name
        else:
            np.testing.assert_array_equal(read_film(data, CHEST), read_film(data, ANY), name)
    neck = (folder / "cr_tiny16x16_mono1_12bit_explicit_le.dcm").read_bytes()
    assert passing_over(CHEST, lambda spec: preprocess(neck, spec))[1] == ("body part CSPINE", "view LL")
